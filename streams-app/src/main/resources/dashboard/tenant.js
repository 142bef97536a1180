// One tenant: what it uses, what holds for it and since when, and everything that can be done about it.
import { get, getTagged, send, curl } from './api.js';
import { Chart } from './charts.js';
import { ask, bar, bytes, command, empty, failed, h, loading, number, percent, pill, rate, REASONS, shellQuote, time, toast, words } from './dom.js';
import { Pace } from './tenants.js';

const DURATION = /^P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,3})?S)?)?$/i;
const FIELDS = [
  ['max_signals_per_sec', 'Rate', 'signals a second', '--rate', 4294967295],
  ['burst_signals', 'Burst', 'signals at once; empty = 2 × the rate', '--burst', 4294967295],
  ['max_bytes_per_sec', 'Byte rate', 'bytes of values a second', '--byte-rate', Number.MAX_SAFE_INTEGER],
  ['burst_bytes', 'Byte burst', 'bytes at once; empty = 2 × the byte rate', '--byte-burst', Number.MAX_SAFE_INTEGER],
  ['max_signal_bytes', 'Signal size', 'bytes of one value', '--signal-size', 4294967295],
  ['max_entities', 'Entities', 'distinct items, users and creators', '--entities', Number.MAX_SAFE_INTEGER],
  ['max_items', 'Items', 'distinct items', '--items', Number.MAX_SAFE_INTEGER],
  ['max_users', 'Users', 'distinct users', '--users', Number.MAX_SAFE_INTEGER],
  ['max_creators', 'Creators', 'distinct creators', '--creators', Number.MAX_SAFE_INTEGER],
  ['entity_idle_ttl', 'Idle entities', 'expire after, such as P30D or PT12H', '--entity-idle-ttl', DURATION],
  ['max_storage_bytes', 'Storage', 'bytes of sealed segments', '--storage', Number.MAX_SAFE_INTEGER],
];
const ORIGINS = { tenant: 'its own config', plan: 'its plan', default: 'the default tenant', twice_the_rate: '2 × the rate' };
const BYTES = ['max_bytes_per_sec', 'burst_bytes', 'max_signal_bytes', 'max_storage_bytes'];

export function tenantPage(id) {
  const path = `/v1/tenants/${id}`;
  const pace = new Pace();
  const bytePace = new Pace();
  const chart = new Chart(`Signals of tenant ${id}`);
  const title = h('h1', {}, `Tenant ${id}`);
  const badges = h('span', { class: 'badges' });
  const use = h('div', { class: 'facts' }, loading('usage'));
  const byReason = h('p', { class: 'hint', id: 'rejected-by-reason' });
  const limits = h('div', {}, loading('limits'));
  const history = h('div', {}, loading('its history'));
  const blockButton = h('button', { type: 'button', onclick: () => act(block) }, 'Block …');
  const element = h('div', { class: 'stack' },
    h('p', {}, h('a', { href: '#/' }, '← All tenants')),
    h('div', { class: 'heading' }, title, badges,
      h('div', { class: 'buttons' }, blockButton,
        h('button', { type: 'button', onclick: () => act(prune) }, 'Prune WAL …'),
        h('a', { class: 'button', href: `#/rejections?tenant=${id}` }, 'Its rejections'))),
    h('section', { 'aria-label': 'Usage' }, h('h2', {}, 'Used'), use, byReason),
    h('section', { 'aria-label': 'Last hour' }, h('h2', {}, 'Last hour'), chart.element),
    h('div', { class: 'columns' },
      h('section', {}, h('h2', {}, 'Limits in force'), limits),
      h('section', {}, h('h2', {}, 'Change'), form())),
    h('section', {}, h('h2', {}, 'History'), history));

  let tenant = null;
  let etag = null;
  let shownOffset;

  /** Limits that are valid and do something else than they seem to. */
  const warnings = (list) => (list ?? []).map((one) => h('p', { class: 'error', role: 'status' }, `Warning: ${one.message}`));

  async function act(action) {
    try {
      await action();
    } catch (e) {
      toast(e.message);
    }
    await refresh();
  }

  function form() {
    const inputs = {};
    const errors = {};
    const numbers = FIELDS.map(([name, label, hint, , rule]) => {
      inputs[name] = h('input', { type: 'text', inputmode: rule === DURATION ? 'text' : 'numeric', id: `f-${name}`, 'aria-describedby': `h-${name}`, placeholder: 'no limit', autocomplete: 'off' });
      errors[name] = h('span', { class: 'error', role: 'alert' });
      return h('label', { for: `f-${name}` }, h('span', {}, label), inputs[name], h('span', { class: 'hint', id: `h-${name}` }, hint), errors[name]);
    });
    inputs.label = h('input', { type: 'text', maxlength: 200, id: 'f-label' });
    inputs.plan = h('input', { type: 'text', maxlength: 64, id: 'f-plan', autocomplete: 'off', placeholder: 'no plan' });
    errors.plan = h('span', { class: 'error', role: 'alert' });
    const ofPlan = h('option', { value: '' }, 'as the plan says');
    inputs.mode = h('select', { id: 'f-mode' }, ofPlan, h('option', { value: 'enforce' }, 'enforce'), h('option', { value: 'observe' }, 'observe: count, but accept'));
    errors.label = h('span', { class: 'error', role: 'alert' });
    inputs.external_ids = h('textarea', { id: 'f-external_ids', rows: 2, autocomplete: 'off', spellcheck: false, 'aria-describedby': 'h-external_ids' });
    errors.external_ids = h('span', { class: 'error', role: 'alert' });
    const names = () => inputs.external_ids.value.split('\n').map((one) => one.trim()).filter(Boolean);
    const preview = h('div', { id: 'preview', role: 'status' });
    const lines = h('details', { class: 'lines' }, h('summary', {}, 'The same on the command line'));
    const linesBox = h('div', {});
    lines.append(linesBox);
    let touched = false;

    function fill() {
      if (touched || !tenant) return;
      const config = tenant.config ?? {};
      for (const [name] of FIELDS) inputs[name].value = config[name] ?? '';
      inputs.label.value = config.label ?? '';
      inputs.external_ids.value = (config.external_ids ?? []).join('\n');
      inputs.plan.value = config.plan ?? '';
      ofPlan.hidden = !config.plan;
      inputs.mode.value = config.mode ?? (config.plan ? '' : 'enforce');
      for (const [name] of FIELDS) inputs[name].placeholder = config.plan ? `from plan ${config.plan}` : 'no limit';
      showLines();
    }

    /** What the form says that the config does not; null where a field is wrong. */
    function patch() {
      const config = tenant?.config ?? {};
      const changes = {};
      let right = true;
      for (const [name, label, , , rule] of FIELDS) {
        const text = inputs[name].value.trim().replaceAll(/[, _]/g, '');
        const value = text === '' ? null : rule === DURATION ? text.toUpperCase() : Number(text);
        const wrong = text !== '' && (rule === DURATION ? !rule.test(text) : !/^\d+$/.test(text) || value > rule);
        const allowed = rule === DURATION ? 'a duration such as P30D or PT12H' : `a whole number from 0 to ${number(rule)}`;
        errors[name].textContent = wrong ? `${label} is ${allowed}, or empty for no limit.` : '';
        inputs[name].setAttribute('aria-invalid', wrong);
        right &&= !wrong;
        if (value !== (config[name] ?? null)) changes[name] = value;
      }
      if (inputs.label.value !== (config.label ?? '')) changes.label = inputs.label.value;
      if (JSON.stringify(names()) !== JSON.stringify(config.external_ids ?? [])) changes.external_ids = names();
      const plan = inputs.plan.value.trim() || null;
      if (plan !== (config.plan ?? null)) changes.plan = plan;
      if (inputs.mode.value !== (config.mode ?? (config.plan ? '' : 'enforce'))) changes.mode = inputs.mode.value || null;
      return right ? changes : null;
    }

    function showLines() {
      const changes = patch();
      if (!changes || Object.keys(changes).length === 0) {
        linesBox.replaceChildren(command(`tidegate tenants get ${id}`), command(curl(path)));
        return;
      }
      const set = FIELDS.filter(([name]) => changes[name] !== undefined && changes[name] !== null).map(([name, , , option]) => `${option} ${changes[name]}`);
      if (changes.label !== undefined && changes.label !== '') set.push(`--label ${shellQuote(changes.label)}`);
      if (changes.external_ids) set.push(...changes.external_ids.map((name) => `--external-id ${shellQuote(name)}`));
      if (changes.plan) set.push(`--plan ${shellQuote(changes.plan)}`);
      if (changes.mode) set.push(`--mode ${changes.mode}`);
      const unset = FIELDS.filter(([name]) => changes[name] === null).map(([, , , option]) => option);
      if (changes.label === '') unset.push('--label');
      if (changes.external_ids?.length === 0) unset.push('--external-id');
      if (changes.plan === null) unset.push('--plan');
      if (changes.mode === null) unset.push('--mode');
      linesBox.replaceChildren(...[
        set.length ? command(`tidegate tenants set ${id} ${set.join(' ')}`) : '',
        unset.length ? command(`tidegate tenants unset ${id} ${unset.join(' ')}`) : '',
        command(curl(path, `-X ${tenant?.config ? 'PATCH' : 'PUT'} -H 'Content-Type: application/json' -d ${shellQuote(JSON.stringify(changes))} `))].filter(Boolean));
    }

    function failedField(e) {
      if (errors[e.field]) {
        errors[e.field].textContent = e.message;
        inputs[e.field].focus();
      } else preview.replaceChildren(failed(e));
    }

    async function dryRun() {
      const changes = patch();
      if (!changes) return;
      preview.replaceChildren(loading('the last signals'));
      try {
        const config = { ...(tenant?.config ?? {}), ...changes };
        delete config.tenant_id;
        const report = await send('POST', `${path}/dry-run`, { config });
        preview.replaceChildren(h('p', { class: 'preview' }, 'Would have rejected ', h('b', {}, number(report.rejected_total)), ' of the last ', h('b', {}, number(report.signals)), ' signals',
          report.signals ? ` (${percent(report.rejected_total, report.signals)}), the last hour's.` : '.'),
        h('ul', { class: 'legend' }, REASONS.filter((reason) => report.rejected[reason] > 0).map((reason) => h('li', {}, h('span', { class: `swatch c-${reason}` }), words(reason), h('b', {}, number(report.rejected[reason]))))), ...warnings(report.warnings));
      } catch (e) {
        preview.replaceChildren();
        failedField(e);
      }
    }

    async function save(event) {
      event.preventDefault();
      const changes = patch();
      if (!changes) {
        element.querySelector('[aria-invalid=true]')?.focus();
        return;
      }
      if (Object.keys(changes).length === 0) {
        toast('Nothing is changed');
        return;
      }
      try {
        const answer = tenant?.config ? await send('PATCH', path, changes, etag ? { 'If-Match': etag } : {})
          : await send('PUT', path, changes, etag ? {} : { 'If-None-Match': '*' });
        touched = false;
        preview.replaceChildren(...warnings(answer.warnings));
        toast('Saved; it holds from now on');
        await refresh();
      } catch (e) {
        if (e.id === 'precondition_failed') {
          preview.replaceChildren(failed({ title: 'Somebody else changed it', message: 'The form shows the config of now. Change it again.' }));
          touched = false;
          await refresh();
        } else failedField(e);
      }
    }

    const reset = () => { touched = false; preview.replaceChildren(); fill(); };
    const box = h('form', { class: 'edit', onsubmit: save, oninput: () => { touched = true; preview.replaceChildren(); showLines(); }, novalidate: true },
      numbers,
      h('label', { for: 'f-label' }, h('span', {}, 'Label'), inputs.label, errors.label),
      h('label', { for: 'f-external_ids' }, h('span', {}, 'Names'), inputs.external_ids, h('span', { class: 'hint', id: 'h-external_ids' }, 'by which signals refer to it; one a line'), errors.external_ids),
      h('label', { for: 'f-plan' }, h('span', {}, 'Plan'), inputs.plan, h('span', { class: 'hint' }, 'supplies every limit that is empty'), errors.plan),
      h('label', { for: 'f-mode' }, h('span', {}, 'Mode'), inputs.mode),
      h('div', { class: 'buttons' }, h('button', { type: 'submit', class: 'primary' }, 'Save'),
        h('button', { type: 'button', onclick: dryRun }, 'What would it reject?'), h('button', { type: 'button', class: 'quiet', onclick: reset }, 'Reset')),
      preview, lines);
    box.fill = fill;
    return box;
  }

  async function block() {
    if (isBlocked()) {
      await send('POST', `${path}/unblock`, {}, etag ? { 'If-Match': etag } : {});
      toast('It is let in again');
      return;
    }
    const minutes = h('select', {}, [[10, '10 minutes'], [60, '1 hour'], [1440, '1 day'], [5256000, '10 years']].map(([value, text]) => h('option', { value, selected: value === 60 }, text)));
    const wanted = await ask(`Block tenant ${id}?`, [h('p', {}, 'All its signals are rejected as “tenant blocked” until then. Its limits stay.'), h('label', {}, 'For', minutes),
      command(`tidegate tenants block ${id} --for 1h`)], [['Block', () => minutes.value, 'danger'], ['Cancel', null]]);
    if (!wanted) return;
    await send('POST', `${path}/block`, { for: `PT${wanted}M` }, etag ? { 'If-Match': etag } : {});
    toast('Blocked');
  }

  async function prune() {
    const below = h('input', { type: 'text', inputmode: 'numeric', required: true, pattern: '[0-9]+' });
    const seq = await ask('Prune the WAL', [h('p', {}, 'Sealed segments wholly below a sequence number go, in every copy. There is no way back.'), h('label', {}, 'Below', below),
      command(`tidegate wal prune ${id} --below SEQ`)], [['Show what would go', () => below.value.trim(), 'primary'], ['Cancel', null]]);
    if (!seq || !/^\d{1,15}$/.test(seq)) return;
    const plan = await send('POST', `${path}/prune`, { below_seq: Number(seq), dry_run: true });
    const sure = await ask('Prune the WAL', [h('p', {}, `${number(plan.segments)} segments with ${bytes(plan.bytes)} would go.`)],
      plan.segments ? [['Remove them for good', true, 'danger'], ['Cancel', null]] : [['Close', null]]);
    if (!sure) return;
    const done = await send('POST', `${path}/prune`, { below_seq: Number(seq) });
    toast(`${number(done.segments)} segments with ${bytes(done.bytes)} went`);
  }

  const isBlocked = () => Boolean(tenant?.blocked);

  async function loadConfig() {
    try {
      const answer = await getTagged(path);
      tenant = answer.json;
      etag = answer.etag;
    } catch (e) {
      if (e.id !== 'tenant_unknown') throw e;
      tenant = { id, config: null, limits: null, config_offset: null };
      etag = null;
    }
    const config = tenant.config;
    title.textContent = config?.label || `Tenant ${id}`;
    document.title = `${title.textContent} · Tidegate`;
    badges.replaceChildren(h('span', { class: 'hint' }, [`t${id}`, ...(config?.external_ids ?? [])].join(' · ')), config?.plan ? pill(`plan ${config.plan}`, 'wait') : '',
      isBlocked() ? pill(`blocked until ${time(tenant.limits.blocked_until.value)}`, 'bad') : tenant.limits?.mode.value === 'observe' ? pill('observing', 'wait') : config ? pill('enforcing', 'good') : pill('without config', 'wait'));
    blockButton.textContent = isBlocked() ? 'Unblock' : 'Block …';
    element.querySelector('form.edit').fill();
    limits.replaceChildren(...warnings(tenant.warnings), tenant.limits ? h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Limit'), h('th', { scope: 'col', class: 'num' }, 'Value'), h('th', { scope: 'col' }, 'From'))),
      h('tbody', {}, Object.entries(tenant.limits).map(([name, limit]) => h('tr', {}, h('th', { scope: 'row' }, words(name)), h('td', { class: 'num' }, value(name, limit.value), limit.ceiling === undefined ? '' : h('span', { class: 'quiet' }, ` (up to ${value(name, limit.ceiling)})`)), h('td', {}, ORIGINS[limit.origin] ?? limit.origin)))))
      : empty('It has no config', 'Its signals are rejected as “tenant unknown”. Save the form to let them in.'));
  }

  const period = (limit) => `${limit.per} ${[limit.max_signals === null ? '' : `${number(limit.max_signals)} signals`, limit.max_bytes === null ? '' : bytes(limit.max_bytes)].filter(Boolean).join(' and ')}`;

  function value(name, of) {
    if (of === null && name === 'external_ids') return 'none';
    if (of === null) return name === 'entity_idle_ttl' ? 'never' : name.startsWith('max') || name.startsWith('burst') ? 'unlimited' : '–';
    if (name === 'signals') return Object.entries(of).map(([type, one]) => `${type} ${number(one.max_signals_per_sec)} a second`).join(', ') || 'unlimited';
    if (name === 'periods') return of.map(period).join(', ') || 'unlimited';
    if (Array.isArray(of)) return of.join(', ') || (name === 'external_ids' ? 'none' : 'anywhere');
    if (BYTES.includes(name)) return bytes(of);
    return name === 'blocked_until' ? time(of) : typeof of === 'number' ? number(of) : String(of);
  }

  async function loadHistory() {
    const answer = await get(`${path}/history`);
    const newest = answer.changes[0];
    history.replaceChildren(answer.changes.length === 0 ? empty('It was never changed') : h('ol', { class: 'changes' }, answer.changes.map((change) => h('li', {},
      h('div', {}, h('time', { datetime: change.at }, time(change.at)), ' by ', h('b', {}, change.by)),
      h('div', { class: 'diff' }, differences(change)),
      change.config_offset === null ? null : h('button', { type: 'button', class: 'quiet', onclick: () => act(() => undo(change, change === newest)) }, change === newest ? 'Undo' : 'Undo down to here')))));
  }

  function differences(change) {
    if (!change.to) return 'config removed';
    const names = Object.keys({ ...change.from, ...change.to }).filter((name) => name !== 'tenant_id' && JSON.stringify(change.from?.[name]) !== JSON.stringify(change.to[name]));
    const shown = change.from ? names : names.filter((name) => ![null, ''].includes(change.to[name]) && change.to[name]?.length !== 0);
    return shown.map((name) => `${words(name)}: ${change.from ? `${value(name, change.from[name] ?? null)} → ` : ''}${value(name, change.to[name] ?? null)}`).join(' · ') || 'as before';
  }

  async function undo(change, isNewest) {
    await send('POST', `${path}/undo`, isNewest ? {} : { config_offset: change.config_offset }, etag ? { 'If-Match': etag } : {});
    toast('Undone; an undo can be undone too');
  }

  async function loadUsage() {
    const usage = await get(`${path}/usage`);
    const perSecond = pace.of(id, usage);
    const bytesPerSecond = bytePace.of(id, { at: usage.at, accepted: usage.bytes.accepted });
    const ofLimit = (used, most, what) => (most === null ? `${number(used)} ${what}` : `${number(used)} of ${number(most)} ${what}`);
    const limit = usage.rate.limit_per_sec;
    const fact = (name, ...content) => h('div', { class: 'fact' }, h('h3', {}, name), content);
    use.replaceChildren(
      fact('Rate', bar('rate', perSecond ?? 0, limit, limit === null ? `${rate(perSecond)}, unlimited` : `${rate(perSecond)} of ${number(limit)}`),
        h('small', {}, limit === null ? '' : `${number(usage.rate.tokens)} of ${number(usage.rate.burst)} in the bucket`)),
      fact('Bytes', bar('bytes', bytesPerSecond ?? 0, usage.bytes.limit_per_sec, usage.bytes.limit_per_sec === null ? `${bytes(usage.bytes.accepted)}, unlimited` : `${bytesPerSecond === null ? '–' : bytes(bytesPerSecond)} of ${bytes(usage.bytes.limit_per_sec)} a second`),
        h('small', {}, [usage.bytes.limit_per_sec === null ? '' : `${bytes(usage.bytes.tokens)} of ${bytes(usage.bytes.burst)} in the bucket`,
          usage.bytes.signal_limit === null ? '' : `at most ${bytes(usage.bytes.signal_limit)} a signal`].filter(Boolean).join(', '))),
      ...usage.signals.map((one) => fact(`Signals “${one.signal}”`, bar(one.signal, one.level_percent, 100, `${one.level_percent === 0 ? 'below 80 %' : `at ${one.level_percent} %`} of ${number(one.limit_per_sec)} a second`),
        h('small', {}, `${number(one.tokens)} of ${number(one.burst)} in the bucket`))),
      ...usage.periods.map((one) => fact(`This ${one.per}`, bar(one.per, one.used_percent, 100, [one.max_signals === null ? '' : `${number(one.signals)} of ${number(one.max_signals)} signals`, one.max_bytes === null ? '' : `${bytes(one.bytes)} of ${bytes(one.max_bytes)}`].filter(Boolean).join(', ')),
        h('small', {}, `resets ${time(one.resets_at)}`))),
      fact('Entities', bar('entities', usage.entities.total, usage.entities.limit, usage.entities.limit === null ? `${number(usage.entities.total)}, unlimited` : `${number(usage.entities.total)} of ${number(usage.entities.limit)}`),
        h('small', {}, ['item', 'user', 'creator'].map((kind) => ofLimit(usage.entities[kind], usage.entities[`${kind}_limit`], `${kind}s`)).join(', '))),
      fact('Storage', bar('storage', usage.storage.sealed_bytes, usage.storage.limit_bytes, usage.storage.limit_bytes === null ? `${bytes(usage.storage.sealed_bytes)}, unlimited` : `${bytes(usage.storage.sealed_bytes)} of ${bytes(usage.storage.limit_bytes)}`),
        h('small', {}, `${number(usage.storage.sealed_segments)} sealed segments`)),
      fact('Ever', h('span', { class: 'use' }, h('span', { class: 'use-text' }, h('b', { id: 'accepted' }, number(usage.accepted)), ' accepted, ', h('b', { id: 'rejected', class: usage.rejected_total ? 'no' : '' }, number(usage.rejected_total)), ' rejected')),
        h('small', {}, `last decision ${time(usage.last_decision_at)}`)));
    byReason.textContent = REASONS.filter((reason) => usage.rejected[reason] > 0).map((reason) => `${words(reason)} ${number(usage.rejected[reason])}`).join(' · ');
    chart.show(await get(`/v1/history?tenant=${id}`), limit);
  }

  async function refresh() {
    const parts = await Promise.allSettled([loadConfig(), loadUsage()]);
    for (const [part, box] of [[parts[0], limits], [parts[1], use]]) {
      if (part.status === 'rejected' && box.querySelector('.loading')) box.replaceChildren(failed(part.reason));
    }
    if (tenant && tenant.config_offset !== shownOffset) {
      const offset = tenant.config_offset;
      await loadHistory();
      shownOffset = offset;
    }
  }

  return { element, refresh, redraw: () => chart.redraw(), close: () => { chart.close(); document.title = 'Tidegate'; } };
}
