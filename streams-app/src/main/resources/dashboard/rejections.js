// Rejections as they happen, each with all that is known of it, and what sending them again would do.
import { send, stream } from './api.js';
import { ask, bytes, clock, command, DEFECTS, empty, failed, h, loading, number, REASONS, time, words } from './dom.js';

const KEPT_MAX = 500;
const SHOWN_A_FRAME_MAX = 100;
const AGAIN_MS = 3000;

export function rejections(choices) {
  const tenant = h('input', { type: 'text', placeholder: 'All tenants', value: choices.get('tenant') ?? '', 'aria-label': 'Tenant id or name', id: 'r-tenant' });
  const reason = h('select', { 'aria-label': 'Reason', id: 'r-reason' }, h('option', { value: '' }, 'All reasons'),
    [...REASONS, ...DEFECTS].map((one) => h('option', { value: one, selected: one === choices.get('reason') }, words(one))));
  const pause = h('button', { type: 'button', 'aria-pressed': 'false', onclick: togglePause }, 'Pause');
  const state = h('span', { class: 'hint', role: 'status', id: 'tail-state' });
  const list = h('ol', { class: 'tail', id: 'tail', 'aria-label': 'Rejections, the newest first' });
  const message = h('div', {}, loading('the stream'));
  const element = h('div', { class: 'stack' }, h('section', { 'aria-labelledby': 'rejections' },
    h('div', { class: 'heading' }, h('h1', { id: 'rejections' }, 'Rejections'), state),
    h('form', { class: 'filters', onsubmit: (e) => { e.preventDefault(); changed(); } }, tenant, reason, pause,
      h('button', { type: 'button', onclick: () => list.replaceChildren() }, 'Clear'),
      h('button', { type: 'button', onclick: () => replay({ tenant: tenant.value.trim(), reason: reason.value }) }, 'Replay what is filtered …')),
    message, list));

  let aborter = null;
  let paused = false;
  let waiting = [];
  let frame = 0;
  let lost = 0;
  let again;

  function changed() {
    const kept = new URLSearchParams();
    if (tenant.value.trim()) kept.set('tenant', tenant.value.trim());
    if (reason.value) kept.set('reason', reason.value);
    history.replaceState(null, '', `#/rejections${kept.size ? `?${kept}` : ''}`);
    list.replaceChildren();
    lost = 0;
    waiting = [];
    connect();
  }

  async function connect() {
    clearTimeout(again);
    aborter?.abort();
    const mine = new AbortController();
    aborter = mine;
    const query = new URLSearchParams();
    if (tenant.value.trim()) query.set('tenant', tenant.value.trim());
    if (reason.value) query.set('reason', reason.value);
    if (reason.value === '' || DEFECTS.includes(reason.value)) query.set('dead_letter', 'true');
    try {
      await stream(`/v1/rejections?${query}`, mine.signal, () => {
        state.textContent = paused ? 'paused' : 'live';
        message.replaceChildren(list.children.length ? '' : empty('Nothing was rejected since you look', 'Rejections appear here as they happen.'));
      }, event);
      if (mine === aborter) failing(new Error('The stream ended.'));
    } catch (e) {
      if (mine === aborter && e.name !== 'AbortError') failing(e);
    }
  }

  function failing(e) {
    state.textContent = 'not connected';
    if (e.status >= 400 && e.status < 500) {
      message.replaceChildren(failed(e));
      return;
    }
    message.replaceChildren(failed({ title: 'The stream broke', message: `${e.message} It is opened again by itself.` }));
    again = setTimeout(connect, AGAIN_MS);
  }

  function event(name, data) {
    if (name === 'dropped') lost += data.events;
    if (name === 'skipped') lost += 1;
    if (name === 'rejection' && !paused) {
      waiting.unshift(data);
      waiting.length = Math.min(waiting.length, SHOWN_A_FRAME_MAX);
    }
    frame ||= setTimeout(draw, 100);
  }

  function draw() {
    frame = 0;
    if (waiting.length) message.replaceChildren();
    list.prepend(...waiting.map(item));
    waiting = [];
    while (list.children.length > KEPT_MAX) list.lastChild.remove();
    state.textContent = `${paused ? 'paused' : 'live'}${lost ? ', more came than is shown' : ''}`;
  }

  function togglePause() {
    paused = !paused;
    pause.textContent = paused ? 'Go on' : 'Pause';
    pause.setAttribute('aria-pressed', paused);
    state.textContent = paused ? 'paused' : 'live';
  }

  function item(record) {
    const details = h('details', {},
      h('summary', {},
        h('time', { datetime: record.timestamp }, clock(record.timestamp)),
        h('span', { class: 'who', title: (record.tenant_names ?? []).join(', ') }, record.tenant === null ? 'no tenant' : [`t${record.tenant}`, ...(record.tenant_names ?? []).slice(0, 1)].join(' · ')),
        h('span', { class: 'reason' }, h('span', { class: `swatch c-${record.reason}` }), words(record.reason)),
        h('span', { class: 'why' }, header(record, 'tidegate.message') ?? ''),
        header(record, 'tidegate.retry_after_ms') ? h('span', { class: 'hint' }, `retry after ${number(Number(header(record, 'tidegate.retry_after_ms')))} ms`) : ''));
    details.addEventListener('toggle', () => {
      if (details.open && details.children.length === 1) details.append(body(record));
    });
    return h('li', { 'data-tenant': record.tenant, 'data-reason': record.reason }, details);
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

  /** The last one of a name counts, as in Kafka. */
  const header = (record, name) => record.headers.findLast((one) => one.name === name)?.value;

  const spaced = (hex) => hex.replaceAll(/(..)(?=.)/g, '$1 ');

  /** First what it would do; then it sends in pieces, as long as this dialog is open. */
  async function replay(chosen) {
    const box = h('div', {}, loading('what a replay would do'));
    const line = ['tidegate rejections replay'];
    const body = { dry_run: true };
    if (chosen.tenant) {
      body.tenant = String(chosen.tenant);
      line.push(`--tenant ${body.tenant}`);
    }
    if (chosen.reason && REASONS.includes(chosen.reason)) {
      body.reasons = [chosen.reason];
      line.push(`--reason ${chosen.reason}`);
    }
    if (chosen.source) {
      body.sources = [chosen.source];
      line.push(`--source ${chosen.source}`);
    }
    send('POST', '/v1/rejections/replay', body).then((plan) => {
      const sum = (fate) => plan.refusals.reduce((all, one) => all + one[fate], 0);
      const fates = [['replayed', 'would be sent again'], ['done', 'were sent again before'], ['given_up', 'were sent again too often'], ['hopeless', 'would be rejected again, and are skipped'], ['foreign', 'came from elsewhere']];
      box.replaceChildren(...(plan.refusals.length === 0 ? [empty('There is nothing to replay')] : [
        h('table', {}, h('tbody', {}, fates.filter(([fate]) => sum(fate) > 0 || fate === 'replayed').map(([fate, text]) => h('tr', {}, h('td', { class: 'num' }, number(sum(fate))), h('td', {}, text))))),
        sum('hopeless') > 0 ? h('p', { class: 'hint' }, `Skipped because of ${stillRejected(plan).map(([why, count]) => `${why} (${number(count)})`).join(', ')}. Change the limits first.`) : '',
        sum('replayed') > 0 ? [
          h('p', {}, `The sending takes about ${number(plan.seconds)} s, at most at half of each tenant’s rate.`),
          h('p', {}, h('button', { type: 'button', class: sum('replayed') > sum('hopeless') ? 'primary' : '', onclick: () => sendAll({ ...body, ends: plan.ends }, box, () => open) }, `Send ${number(sum('replayed'))} again`)),
          h('p', { class: 'hint' }, 'Or on the command line:'), command(`${line.join(' ')} --yes`)]
          : h('p', {}, 'Nothing would be sent.')].flat()));
    }, (e) => box.replaceChildren(failed(e)));
    let open = true;
    await ask('Replay', [box], [['Close', null]]);
    open = false;
  }

  /** For which reasons signals would be rejected again, the most frequent first. */
  function stillRejected(plan) {
    const counts = new Map();
    plan.refusals.forEach((one) => Object.entries(one.still_rejected).forEach(([why, count]) => counts.set(why, (counts.get(why) ?? 0) + count)));
    return [...counts].sort((a, b) => b[1] - a[1]);
  }

  async function sendAll(body, box, isOpen) {
    let sent = 0;
    try {
      for (;;) {
        box.replaceChildren(loading(`the next piece; ${number(sent)} were sent again so far. Closing stops it`));
        const piece = await send('POST', '/v1/rejections/replay', { ...body, dry_run: false });
        sent += piece.refusals.reduce((all, one) => all + one.replayed, 0);
        if (piece.ending === 'time_over' && isOpen()) continue;
        box.replaceChildren(empty(`${number(sent)} signals were sent again`, piece.ending === 'taken_over' ? 'Another replay has begun and goes on.' : 'Each is judged like a new one.'));
        return;
      }
    } catch (e) {
      box.replaceChildren(failed(e));
    }
  }

  tenant.addEventListener('change', changed);
  reason.addEventListener('change', changed);
  connect();
  return {
    element,
    refresh: async () => {},
    close: () => {
      const open = aborter;
      aborter = null;
      open?.abort();
      clearTimeout(again);
      clearTimeout(frame);
    },
  };
}
