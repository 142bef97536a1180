// The HTTP API. The token lives in this variable and nowhere else: it is gone with the page.
import { ask, h } from './dom.js';

let token = null;
let asking = null;

/** What an instance answered, or that none did. */
export class Problem extends Error {
  constructor(status, id, title, detail, field) {
    super(detail);
    this.status = status;
    this.id = id;
    this.title = title;
    this.field = field;
  }
}

const headers = (more) => (token ? { ...more, Authorization: `Bearer ${token}` } : more);

/** Where a path of the API is for this page: a proxy may serve both under a prefix. */
const at = (path) => new URL(`.${path}`, document.baseURI).href;

/** A line for a shell. It names the token, and does not show it. */
export const curl = (path, more = '') => `curl ${token ? '-H "Authorization: Bearer $TIDEGATE_TOKEN" ' : ''}${more}${at(path)}`;

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(at(path), { ...options, headers: headers(options.headers ?? {}), cache: 'no-store' });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Problem(0, 'unreachable', 'The instance cannot be reached', 'It does not answer. The page tries again by itself.');
  }
  if (response.ok) return response;
  let body = {};
  try {
    body = await response.json();
  } catch {
    // no problem document: a proxy answered
  }
  throw new Problem(response.status, body.id ?? `http_${response.status}`, body.title ?? `HTTP ${response.status}`,
    body.detail ?? 'The answer was not understood.', body.field);
}

/** Asks for a token once, however many requests want one; false where people do not give one. */
function askToken(problem) {
  asking ??= (async () => {
    const input = h('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Token', required: true });
    const given = await ask(problem.status === 403 ? 'This needs another token' : 'A token is needed', [
      h('p', {}, problem.message),
      h('label', {}, 'Token', input),
      h('p', { class: 'hint' }, 'A line of http.tokens.file ends in it. The page keeps it in memory only: a reload asks again.'),
    ], [['Sign in', () => input.value.trim(), 'primary'], ['Cancel', null]]);
    asking = null;
    if (given) token = given;
    return Boolean(given);
  })();
  return asking;
}

async function withToken(request) {
  const used = token;
  try {
    return await request();
  } catch (e) {
    if (!(e instanceof Problem) || (e.status !== 401 && e.id !== 'forbidden')) throw e;
    if (token !== used || await askToken(e)) return request();
    throw e;
  }
}

/** A request that repeats every two seconds must not wait indefinitely for a lost response. */
const GET_WITHIN_MS = 20000;

const answerTo = (path) => withToken(() => call(path, { signal: AbortSignal.timeout(GET_WITHIN_MS) }));

export const get = async (path) => (await answerTo(path)).json();

export const send = (method, path, body, more = {}) => withToken(async () => (await call(path, {
  method,
  body: body === undefined ? undefined : JSON.stringify(body),
  headers: { 'Content-Type': 'application/json', ...more },
})).json());

/** With its ETag, to change it only if nobody else did. */
export async function getTagged(path) {
  const tagged = await answerTo(path);
  return { json: await tagged.json(), etag: tagged.headers.get('ETag') };
}

const EVENT_CHARS_MAX = 1 << 20;

/** Server-sent events until the stream ends; EventSource cannot send a token. */
export async function stream(path, signal, onOpen, onEvent) {
  const response = await withToken(() => call(path, { signal }));
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split('\n\n');
    text = events.pop();
    if (text.length > EVENT_CHARS_MAX) throw new Problem(0, 'stream', 'The stream broke', 'An event was too long.');
    for (const event of events) {
      let name = 'message';
      let data = '';
      for (const line of event.split('\n')) {
        if (line.startsWith('event: ')) name = line.slice(7);
        if (line.startsWith('data: ')) data += line.slice(6);
      }
      if (data) onEvent(name, JSON.parse(data));
    }
  }
}
