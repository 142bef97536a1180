// Client of the HTTP API. The token is stored only in this variable, so it is lost when the page is closed.
import { ask, h } from './dom.js';

let token = null;
let asking = null;
let actions = 0; // of the user that may lead to a question for a token
let declined = null; // the action for which the user has closed the dialog without a token

/** The error of a request: the problem document of an instance, or a failed connection. */
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

/** The URL of a path of the API, relative to this page: a proxy may serve both under a prefix. */
const at = (path) => new URL(`.${path}`, document.baseURI).href;

/** A curl command. It refers to the token by a variable, and does not show it. */
export const curl = (path, more = '') => `curl ${token ? '-H "Authorization: Bearer $TIDEGATE_TOKEN" ' : ''}${more}${at(path)}`;

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(at(path), { ...options, headers: headers(options.headers ?? {}), cache: 'no-store' });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Problem(0, 'unreachable', 'The instance cannot be reached', 'It does not answer. The page retries automatically.');
  }
  if (response.ok) return response;
  let body = {};
  try {
    body = await response.json();
  } catch {
    // not a problem document: a proxy answered
  }
  throw new Problem(response.status, body.id ?? `http_${response.status}`, body.title ?? `HTTP ${response.status}`,
    body.detail ?? 'The answer could not be parsed.', body.field);
}

/** Whether an instance answered that the token is missing or not the right one, and not only for one field of a change. */
export const needsToken = (e) => e instanceof Problem && (e.status === 401 || (e.id === 'forbidden' && !e.field));

/** Whether the page waits for the user to enter a token. It sends no requests meanwhile. */
export const isAskingToken = () => asking !== null;

/** Allows the page to ask for a token again after the user has entered none: the user has acted. */
export function allowAsking() {
  actions += 1;
}

/** Asks for a token once, however many requests need one. Resolves to false if the user enters none. */
export function askToken(problem) {
  asking ??= (async () => {
    // A browser reports a closed dialog only in its next frame: the user may have acted before that.
    const asked = actions;
    const input = h('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Token', required: true });
    const given = await ask(problem.status === 403 ? 'Another token is required' : 'A token is required', [
      h('p', {}, problem.message),
      h('label', {}, 'Token', input),
      h('p', { class: 'hint' }, 'The last field of a line in http.tokens.file. The page keeps it in memory only, and asks again after a reload.'),
    ], [['Sign in', () => input.value.trim(), 'primary'], ['Cancel', null]]);
    asking = null;
    if (given) token = given;
    declined = given ? null : asked;
    return Boolean(given);
  })();
  return asking;
}

async function withToken(request, asks = () => true) {
  const used = token;
  try {
    return await request();
  } catch (e) {
    if (!needsToken(e)) throw e;
    if (token !== used || (declined !== actions && asks(e) && await askToken(e))) return request();
    throw e;
  }
}

/** Timeout of GET requests: periodic requests must not wait indefinitely for a lost response. */
const GET_WITHIN_MS = 20000;

const answerTo = (path, asks) => withToken(() => call(path, { signal: AbortSignal.timeout(GET_WITHIN_MS) }), asks);

export const get = async (path) => (await answerTo(path)).json();

/** Gets a document that the page can do without: it asks for the first token, but not for one with more rights. */
export const getIfAllowed = async (path) => (await answerTo(path, (e) => e.status === 401)).json();

/** Sends a change, which is always an action of the user. */
export function send(method, path, body, more = {}) {
  allowAsking();
  return withToken(async () => (await call(path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...more },
  })).json());
}

/** Gets a document with its ETag, to change it only if nobody else has changed it. */
export async function getTagged(path) {
  const tagged = await answerTo(path);
  return { json: await tagged.json(), etag: tagged.headers.get('ETag') };
}

const EVENT_CHARS_MAX = 1 << 20;

/** Reads server-sent events until the stream ends. EventSource cannot send a token. */
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
    if (text.length > EVENT_CHARS_MAX) throw new Problem(0, 'stream', 'The stream failed', 'An event was too long.');
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
