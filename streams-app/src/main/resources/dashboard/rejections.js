// Live and past rejections with their details, and their replay.
import { get, send, stream } from './api.js';
import { ask, bytes, clock, command, counted, DEFECTS, empty, failed, h, loading, number, REASONS, shellQuote, time, words } from './dom.js';

const KEPT_MAX = 1000;
const SHOWN_A_FRAME_MAX = 100;
const AGAIN_MS = 3000;
/** Number of pages without a match after which the user has to ask for more. */
const EMPTY_PAGES_MAX = 20;

const RANGES = { live: 'live', 900: 'last 15 minutes', 3600: 'last hour', 86400: 'last 24 hours', any: 'any time', between: 'from … to …' };

/** @param serverAt the last known time of the server's clock, if any */
export function rejections(choices, serverAt) {
  const tenant = h('input', { type: 'text', placeholder: 'All tenants', value: choices.get('tenant') ?? '', 'aria-label': 'Tenant id or name', id: 'r-tenant' });
  const reason = h('select', { 'aria-label': 'Reason', id: 'r-reason' }, h('option', { value: '' }, 'All reasons'),
    [...REASONS, ...DEFECTS].map((one) => h('option', { value: one, selected: one === choices.get('reason') }, words(one))));
  const text = h('input', { type: 'search', placeholder: 'Text in headers, key or value', value: choices.get('text') ?? '', maxlength: 200, 'aria-label': 'Text', id: 'r-text' });
  const range = h('select', { 'aria-label': 'Time', id: 'r-range' }, Object.entries(RANGES).sort(([one], [other]) => Number(other === 'live') - Number(one === 'live')).map(([value, name]) => h('option', { value, selected: value === (choices.get('time') ?? 'live') }, name)));
  const from = h('input', { type: 'datetime-local', step: 1, value: choices.get('from') ?? '', 'aria-label': 'From', id: 'r-from' });
  const to = h('input', { type: 'datetime-local', step: 1, value: choices.get('to') ?? '', 'aria-label': 'To', id: 'r-to' });
  const pause = h('button', { type: 'button', 'aria-pressed': 'false', onclick: togglePause }, 'Pause');
  const state = h('span', { class: 'hint', role: 'status', id: 'tail-state' });
  const list = h('ol', { class: 'tail', id: 'tail', 'aria-label': 'Rejections, newest first' });
  const message = h('div', {}, loading('rejections'));
  const older = h('button', { type: 'button', id: 'older', hidden: true, onclick: () => search() }, 'Older');
  const element = h('div', { class: 'stack' }, h('section', { 'aria-labelledby': 'rejections' },
    h('div', { class: 'heading' }, h('h1', { id: 'rejections' }, 'Rejections'), state),
    h('form', { class: 'filters', role: 'search', onsubmit: (e) => { e.preventDefault(); changed(); } }, tenant, reason, text, range, from, to, pause,
      h('button', { type: 'button', onclick: replayShown }, 'Replay …')),
    message, list, older));

  let aborter = null;
  let paused = false;
  let lostConnection = false;
  let waiting = [];
  let frame = 0;
  let lost = 0;
  let again;
  let cursor; // of the next page; null if there is none
  let generation = 0;
  let times = {}; // of the rejections on the page: { from, to }, each optional
  let skewMs = serverAt ? Date.parse(serverAt) - Date.now() : 0;

  const isLive = () => range.value === 'live';

  function changed() {
    const kept = new URLSearchParams();
    for (const [name, value] of [['tenant', tenant.value.trim()], ['reason', reason.value], ['text', text.value.trim()], ['time', isLive() ? '' : range.value],
      ['from', range.value === 'between' ? from.value : ''], ['to', range.value === 'between' ? to.value : '']]) if (value) kept.set(name, value);
    history.replaceState(null, '', `#/rejections${kept.size ? `?${kept}` : ''}`);
    start();
  }

  function start() {
    generation++;
    list.replaceChildren();
    lost = 0;
    waiting = [];
    cursor = undefined;
    times = chosenTimes();
    from.hidden = to.hidden = range.value !== 'between';
    pause.hidden = !isLive();
    clearTimeout(again);
    aborter?.abort();
    aborter = null;
    if (isLive()) connect();
    else state.textContent = '';
    search();
  }

  /** The chosen range as the API takes it. Fixed for all pages of a search, and for a replay of its result. */
  function chosenTimes() {
    if (/^\d+$/.test(range.value)) return { from: new Date(Date.now() + skewMs - Number(range.value) * 1000).toISOString() };
    if (range.value !== 'between') return {};
    return Object.fromEntries([['from', from], ['to', to]].filter(([, input]) => input.value).map(([name, input]) => [name, new Date(input.value).toISOString()]));
  }

  function query() {
    const asked = new URLSearchParams();
    if (tenant.value.trim()) asked.set('tenant', tenant.value.trim());
    if (reason.value) asked.set('reason', reason.value);
    if (reason.value === '' || DEFECTS.includes(reason.value)) asked.set('dead_letter', 'true');
    return asked;
  }

  /** Appends a page of past rejections. */
  async function search() {
    const mine = generation;
    const asked = query();
    if (text.value.trim()) asked.set('text', text.value.trim());
    for (const [name, value] of Object.entries(times)) asked.set(name, value);
    if (cursor) asked.set('cursor', cursor);
    older.disabled = true;
    try {
      let looked = 0;
      for (let pages = 1; ; pages++) {
        const page = await get(`/v1/rejections/search?${asked}`);
        if (mine !== generation) return;
        looked += page.looked_at;
        cursor = page.next;
        if (cursor) asked.set('cursor', cursor);
        const known = new Set(Array.from(list.children, (one) => one.dataset.at));
        list.append(...page.rejections.filter((one) => !known.has(at(one))).map(item));
        const nothingYet = cursor && list.children.length === 0;
        if (nothingYet && pages === EMPTY_PAGES_MAX) message.replaceChildren(empty('No match yet', `${number(looked)} records were searched. “Older” continues.`));
        else showProgress(nothingYet ? `${number(looked)} records searched` : '');
        if (!nothingYet || pages === EMPTY_PAGES_MAX) break;
      }
    } catch (e) {
      if (mine === generation) message.replaceChildren(failed(e));
    }
    older.disabled = false;
    older.hidden = cursor === null;
  }

  /** Shows that there are no rejections, or the progress of the search. */
  function showProgress(progress = '') {
    if (list.children.length) message.replaceChildren();
    else if (progress) message.replaceChildren(loading(`rejections; ${progress}`));
    else if (cursor === null) message.replaceChildren(empty('No rejections', isLive() ? 'New ones appear here as they happen.' : 'No rejection matches in this time.'));
  }

  async function connect() {
    clearTimeout(again);
    aborter?.abort();
    const mine = new AbortController();
    aborter = mine;
    try {
      await stream(`/v1/rejections?${query()}`, mine.signal, showState, event);
      if (mine === aborter) showFailure(new Error('The stream ended.'));
    } catch (e) {
      if (mine === aborter && e.name !== 'AbortError') showFailure(e);
    }
  }

  function showFailure(e) {
    state.textContent = 'not connected';
    if (e.status >= 400 && e.status < 500) {
      message.replaceChildren(failed(e));
      return;
    }
    message.replaceChildren(failed({ title: 'The stream failed', message: `${e.message} The page reconnects automatically.` }));
    if (!paused) again = setTimeout(start, AGAIN_MS); // start reads those that a new stream would not send
  }

  function showState() {
    if (!isLive()) return;
    state.textContent = lostConnection ? 'connection lost' : `${paused ? 'paused' : 'live'}${lost ? '; some rejections are not shown' : ''}`;
    if (message.querySelector('.error')) message.replaceChildren();
  }

  function event(name, data) {
    if (name === 'dropped') lost += data.events;
    if (name === 'skipped') lost += 1;
    if (name === 'rejection' && !paused && contains(data)) {
      waiting.unshift(data);
      waiting.length = Math.min(waiting.length, SHOWN_A_FRAME_MAX);
    }
    frame ||= setTimeout(draw, 100);
  }

  /** Whether a record contains the text, like the server's search. */
  function contains(record) {
    const wanted = text.value.trim().toLowerCase();
    return !wanted || [record.value, record.key, ...record.headers.map((one) => one.value)].some((one) => one?.toLowerCase().includes(wanted));
  }

  function draw() {
    frame = 0;
    const known = new Set(Array.from(list.children, (one) => one.dataset.at));
    list.prepend(...waiting.filter((one) => !known.has(at(one))).map(item));
    waiting = [];
    showProgress();
    while (list.children.length > KEPT_MAX) list.lastChild.remove();
    showState();
  }

  function togglePause() {
    paused = !paused;
    pause.textContent = paused ? 'Resume' : 'Pause';
    pause.setAttribute('aria-pressed', paused);
    if (paused) showState();
    else start();
  }

  const at = (record) => `${record.topic}/${record.partition}/${record.offset}`;

  function item(record) {
    const details = h('details', {},
      h('summary', {},
        h('time', { datetime: record.timestamp, title: time(record.timestamp) }, clock(record.timestamp)),
        h('span', { class: 'who', title: tenantNames(record).join(' · ') }, tenantNames(record).slice(0, 3).join(' · ')),
        h('span', { class: 'reason' }, h('span', { class: `swatch c-${record.reason}` }), words(record.reason)),
        h('span', { class: 'why' }, header(record, 'tidegate.message') ?? ''),
        header(record, 'tidegate.retry_after_ms') ? h('span', { class: 'hint' }, `retry after ${number(Number(header(record, 'tidegate.retry_after_ms')))} ms`) : ''));
    details.addEventListener('toggle', () => {
      if (details.open && details.children.length === 1) details.append(body(record));
    });
    return h('li', { 'data-tenant': record.tenant, 'data-reason': record.reason, 'data-at': at(record) }, details);
  }

  function body(record) {
    const source = ['topic', 'partition', 'offset'].map((part) => header(record, `tidegate.source.${part}`)).join('/');
    const text = record.value ?? '';
    const isHex = record.value_hex !== undefined;
    const hex = record.value_hex ?? Array.from(new TextEncoder().encode(text), (one) => one.toString(16).padStart(2, '0')).join('');
    const payload = h('pre', { class: 'payload', tabindex: 0, 'aria-label': 'Payload' }, isHex ? spaced(hex) : text);
    let showsHex = isHex;
    const flip = h('button', { type: 'button', class: 'quiet', disabled: isHex, onclick: () => {
      showsHex = !showsHex;
      payload.textContent = showsHex ? spaced(hex) : text;
      flip.textContent = showsHex ? 'Show as text' : 'Show as hex';
    } }, 'Show as hex');
    return h('div', { class: 'record' },
      h('table', {}, h('caption', {}, 'Headers'), h('tbody', {}, record.headers.map(({ name, value, value_base64 }) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value ?? value_base64 ?? 'null'))),
        h('tr', {}, h('th', { scope: 'row' }, 'record'), h('td', {}, `${record.topic}/${record.partition}/${record.offset}, ${time(record.timestamp)}`)))),
      h('div', { class: 'heading' }, h('h3', {}, `Payload, ${bytes(record.value_bytes)}`), flip,
        REASONS.includes(record.reason) ? h('button', { type: 'button', class: 'quiet', onclick: () => replay({ tenant: record.tenant, source }) }, 'Replay this one …') : ''),
      payload);
  }

  /** The label of a record's tenant if it has one, its id, and its names. */
  const tenantNames = (record) => (record.tenant === null ? ['no tenant'] : [record.tenant_label, `t${record.tenant}`, ...(record.tenant_names ?? [])].filter(Boolean));

  /** The value of the last header with a name, as in Kafka. */
  const header = (record, name) => record.headers.findLast((one) => one.name === name)?.value;

  const spaced = (hex) => hex.replaceAll(/(..)(?=.)/g, '$1 ');

  /** Replays the rejections that the filters select, if a replay has these filters: it must not send more than the page shows. */
  function replayShown() {
    if (text.value.trim()) return ask('Replay', [empty('Not possible with a text', 'A replay cannot select rejections by a text. Remove the text, or replay single rejections.')], [['Close', null]]);
    if (DEFECTS.includes(reason.value)) return ask('Replay', [empty('Not possible for dead letters', `Signals with the reason “${words(reason.value)}” are in the dead-letter topic, which is not replayed.`)], [['Close', null]]);
    return replay({ tenant: tenant.value.trim(), reason: reason.value, ...times });
  }

  /** The options of a replay on the command line, by the names of the choices. */
  const commandOf = (chosen) => ['tidegate rejections replay', ...['tenant', 'reason', 'from', 'to', 'source'].filter((name) => chosen[name]).map((name) => `--${name} ${shellQuote(chosen[name])}`), '--yes'].join(' ');

  /** Shows the effect of a replay, then sends in steps while the dialog is open. */
  async function replay(chosen) {
    const box = h('div', {}, loading('the preview of the replay'));
    const line = commandOf(chosen);
    const body = { dry_run: true };
    for (const name of ['tenant', 'from', 'to']) if (chosen[name]) body[name] = chosen[name];
    for (const name of ['reason', 'source']) if (chosen[name]) body[`${name}s`] = [chosen[name]];
    send('POST', '/v1/rejections/replay', body).then((plan) => {
      const sum = (outcome) => plan.rejections.reduce((all, one) => all + one[outcome], 0);
      const outcomes = [['replayed', 'would be sent again'], ['done', 'were already sent again'], ['given_up', 'were already sent again as often as allowed'], ['hopeless', 'would be rejected again, and are skipped'], ['foreign', 'came from another application']];
      box.replaceChildren(...(plan.rejections.length === 0 ? [empty('Nothing to replay')] : [
        h('table', {}, h('tbody', {}, outcomes.filter(([outcome]) => sum(outcome) > 0 || outcome === 'replayed').map(([outcome, text]) => h('tr', {}, h('td', { class: 'num' }, number(sum(outcome))), h('td', {}, text))))),
        sum('hopeless') > 0 ? h('p', { class: 'hint' }, `Skipped because of ${stillRejected(plan).map(([why, count]) => `${why} (${number(count)})`).join(', ')}. Change the limits first.`) : '',
        sum('replayed') > 0 ? [
          h('p', {}, `Sending takes about ${number(plan.seconds)} s, at no more than half of each tenant’s rate.`),
          h('p', {}, h('button', { type: 'button', class: sum('replayed') > sum('hopeless') ? 'primary' : '', onclick: () => sendAll({ ...body, ends: plan.ends }, line, box, () => open) }, `Send ${number(sum('replayed'))} again`)),
          h('p', { class: 'hint' }, 'Or on the command line:'), command(line)]
          : h('p', {}, 'Nothing would be sent.')].flat()));
    }, (e) => box.replaceChildren(failed(e)));
    let open = true;
    await ask('Replay', [box], [['Close', null]]);
    open = false;
  }

  /** The reasons for which signals would be rejected again, most frequent first. */
  function stillRejected(plan) {
    const counts = new Map();
    plan.rejections.forEach((one) => Object.entries(one.still_rejected).forEach(([why, count]) => counts.set(why, (counts.get(why) ?? 0) + count)));
    return [...counts].sort((a, b) => b[1] - a[1]);
  }

  async function sendAll(body, line, box, isOpen) {
    let sent = 0;
    try {
      for (;;) {
        box.replaceChildren(loading(`the next step; ${number(sent)} signals sent again so far. Closing the dialog stops the replay`));
        const piece = await send('POST', '/v1/rejections/replay', { ...body, dry_run: false });
        const progress = piece.rejections.reduce((all, one) => all + one.replayed, 0);
        sent += progress;
        if (piece.ending === 'time_over' && progress === 0) {
          box.replaceChildren(empty(`${counted(sent, 'signal')} ${sent === 1 ? 'was' : 'were'} sent again`, 'The last step ended before it could send a signal. Continue on the command line, where a replay has no time limit.'), command(line));
          return;
        }
        if (piece.ending === 'time_over' && isOpen()) continue;
        box.replaceChildren(empty(`${counted(sent, 'signal')} ${sent === 1 ? 'was' : 'were'} sent again`, piece.ending === 'taken_over' ? 'Another replay has started, or the brokers did not answer for 30 s. Replay the rest if no other one runs.' : 'Each is judged like a new signal.'));
        return;
      }
    } catch (e) {
      box.replaceChildren(failed(e));
    }
  }

  for (const input of [tenant, reason, text, range, from, to]) input.addEventListener('change', changed);
  start();
  return {
    element,
    refresh: async (status) => { if (status) skewMs = Date.parse(status.at) - Date.now(); },
    signedIn: start,
    /** A lost connection can look open for a long time, so reconnect. A paused list reconnects when it is resumed. */
    lost: (isLost) => {
      lostConnection = isLost;
      showState();
      if (!isLost && isLive() && !paused) start();
    },
    close: () => {
      generation++;
      const open = aborter;
      aborter = null;
      open?.abort();
      clearTimeout(again);
      clearTimeout(frame);
    },
  };
}
