// The page of one tenant: usage, limits in force, history, and the actions.
import { get, getTagged, send } from './api.js';
import { Chart } from './charts.js';
import { ask, bar, bytes, command, counted, empty, failed, h, loading, number, pill, rate, REASONS, shellQuote, time, toast, words } from './dom.js';
import { configForm, FIELDS, warnings } from './form.js';
import { Pace } from './tenants.js';

const ORIGINS = { tenant: 'its own config', plan: 'its plan', default: 'the default tenant', unset: 'not set', twice_the_rate: '2 × the rate' };
const LABELS = { ...Object.fromEntries(FIELDS.map(([name, label]) => [name, label])), periods: 'Periods', signals: 'Types', required_regions: 'Regions', external_ids: 'Names', blocked_until: 'Blocked until', mode: 'Mode' };
const BYTES = ['max_bytes_per_sec', 'burst_bytes', 'max_signal_bytes', 'max_storage_bytes'];

export function tenantPage(id) {
  const path = `/v1/tenants/${id}`;
  let tenant = null;
  let etag = null;
  const pace = new Pace();
  const bytePace = new Pace();
  const chart = new Chart(`Signals of tenant ${id}`);
  const title = h('h1', {}, `Tenant ${id}`);
  const badges = h('span', { class: 'badges' });
  const use = h('div', { class: 'facts' }, loading('usage'));
  const byReason = h('p', { class: 'hint', id: 'rejected-by-reason' });
  const limits = h('div', {}, loading('limits'));
  const history = h('div', {}, loading('the history'));
  const blockButton = h('button', { type: 'button', onclick: () => act(block) }, 'Block …');
  const form = configForm(id, () => ({ config: tenant?.config ?? null, etag }), () => refresh());
  const element = h('div', { class: 'stack' },
    h('p', {}, h('a', { href: '#/' }, '← All tenants')),
    h('div', { class: 'heading' }, title, badges,
      h('div', { class: 'buttons' }, blockButton,
        h('button', { type: 'button', onclick: () => act(prune) }, 'Prune WAL …'),
        h('button', { type: 'button', onclick: () => act(forget) }, 'Forget entity …'),
        h('button', { type: 'button', class: 'danger', onclick: () => act(purge) }, 'Purge …'),
        h('a', { class: 'button', href: `#/rejections?tenant=${id}` }, 'Rejections'))),
    h('section', { 'aria-label': 'Usage' }, h('h2', {}, 'Usage'), use, byReason),
    h('section', { 'aria-label': 'Last hour' }, h('h2', {}, 'Last hour'), chart.element),
    h('div', { class: 'columns' },
      h('section', {}, h('h2', {}, 'Limits in force'), limits),
      h('section', {}, h('h2', {}, 'Change'), form.element)),
    h('section', {}, h('h2', {}, 'History'), history));

  let shownOffset;
  let rateSince = null; // the time in ms of the last change of the rate; null if the history has none

  async function act(action) {
    try {
      await action();
    } catch (e) {
      toast(e.message);
    }
    await refresh();
  }

  async function block() {
    if (isBlocked()) {
      await send('POST', `${path}/unblock`, {}, etag ? { 'If-Match': etag } : {});
      toast('Unblocked');
      return;
    }
    const minutes = h('select', {}, [[10, '10 minutes'], [60, '1 hour'], [1440, '1 day'], [5256000, '10 years']].map(([value, text]) => h('option', { value, selected: value === 60 }, text)));
    const wanted = await ask(`Block ${displayName()}?`, [h('p', {}, 'Until the block ends, all signals of the tenant are rejected as “tenant blocked”. Its limits stay.'), h('label', {}, 'For', minutes),
      command(`tidegate tenants block ${id} --for 1h`)], [['Block', () => minutes.value, 'danger'], ['Cancel', null]]);
    if (!wanted) return;
    await send('POST', `${path}/block`, { for: `PT${wanted}M` }, etag ? { 'If-Match': etag } : {});
    toast('Blocked');
  }

  const displayName = () => (tenant?.config?.label ? `tenant ${id}, ${tenant.config.label}` : `tenant ${id}`);

  async function forget() {
    const kind = h('select', {}, ['item', 'user', 'creator'].map((one) => h('option', { value: one }, one)));
    const entity = h('input', { type: 'text', required: true, autocomplete: 'off', spellcheck: false });
    const wanted = await ask('Forget an entity', [
      h('p', {}, `One entity of ${displayName()} no longer counts. Its next signal makes it count again. Signals in the WAL stay.`),
      h('label', {}, 'Kind', kind), h('label', {}, 'Entity', entity), command(`tidegate tenants forget ${id} --item ENTITY`)],
    [['Forget', () => entity.value, 'danger'], ['Cancel', null]]);
    if (!wanted) return;
    const done = await send('POST', `${path}/forget`, { kind: kind.value, id: wanted });
    toast(done.found ? `Forgotten: ${kind.value} ${wanted}` : `The tenant has no ${kind.value} ${wanted}`);
  }

  /** Deletes all data of the tenant, so the user has to type the id. */
  async function purge() {
    const typed = h('input', { type: 'text', required: true, autocomplete: 'off', inputmode: 'numeric' });
    const confirmed = await ask(`Purge ${displayName()}?`, [
      h('p', {}, 'Deletes the config, the counters, the entities, and the WAL in every copy. This cannot be undone.'),
      h('label', {}, `Type ${id} to confirm`, typed), command(`tidegate tenants purge ${id} --yes`)],
    [['Purge', () => typed.value.trim(), 'danger'], ['Cancel', null]]);
    if (!confirmed) return;
    if (confirmed !== id) {
      toast('Not purged: the id does not match');
      return;
    }
    const done = await send('POST', `${path}/purge`, { confirm: id }, etag ? { 'If-Match': etag } : {});
    toast(`Purged: ${counted(done.accepted, 'signal')}, ${counted(done.segments, 'segment')} with ${bytes(done.bytes)}`);
  }

  async function prune() {
    const below = h('input', { type: 'text', inputmode: 'numeric', required: true, pattern: '[0-9]+' });
    const seq = await ask('Prune the WAL', [h('p', {}, 'Removes the segments whose records are all below a sequence number, in every copy. This cannot be undone.'), h('label', {}, 'Sequence number', below),
      command(`tidegate wal prune ${id} --below SEQ`)], [['Show what would be removed', () => below.value.trim(), 'primary'], ['Cancel', null]]);
    if (!seq || !/^\d{1,15}$/.test(seq)) return;
    const plan = await send('POST', `${path}/prune`, { below_seq: Number(seq), dry_run: true });
    const sure = await ask('Prune the WAL', [
      h('p', {}, plan.segments ? `${counted(plan.segments, 'segment')} with ${bytes(plan.bytes)} would be removed.` : 'No segment would be removed.')],
    plan.segments ? [['Remove', true, 'danger'], ['Cancel', null]] : [['Close', null]]);
    if (!sure) return;
    const done = await send('POST', `${path}/prune`, { below_seq: Number(seq) });
    toast(`${counted(done.segments, 'segment')} with ${bytes(done.bytes)} removed`);
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
      isBlocked() ? pill(`blocked until ${time(tenant.limits.blocked_until.value)}`, 'bad') : tenant.limits?.mode.value === 'observe' ? pill('observing', 'wait') : tenant.limits ? pill('enforcing', 'good') : pill(config ? 'without its plan' : 'without config', 'wait'));
    blockButton.textContent = isBlocked() ? 'Unblock' : 'Block …';
    form.fill();
    limits.replaceChildren(...warnings(tenant.warnings), tenant.limits ? h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Limit'), h('th', { scope: 'col', class: 'num' }, 'Value'), h('th', { scope: 'col' }, 'From'))),
      h('tbody', {}, Object.entries(tenant.limits).map(([name, limit]) => h('tr', {}, h('th', { scope: 'row' }, LABELS[name] ?? words(name)), h('td', { class: 'num' }, value(name, limit.value), limit.ceiling === undefined ? '' : h('span', { class: 'quiet' }, ` (up to ${value(name, limit.ceiling)})`)), h('td', {}, ORIGINS[limit.origin] ?? limit.origin)))))
      : config ? empty('No limits in force', 'The tenant’s signals are rejected as “tenant unknown”, and not counted.')
        : empty('No config', 'The tenant’s signals are rejected as “tenant unknown”, and not counted. Save the form to accept them.'));
  }

  const period = (limit) => `${limit.per} ${[limit.max_signals === null ? '' : `${number(limit.max_signals)} signals`, limit.max_bytes === null ? '' : bytes(limit.max_bytes)].filter(Boolean).join(' and ')}`;

  function value(name, of) {
    if (of === null && name === 'external_ids') return 'none';
    if (of === null) return name === 'entity_idle_ttl' ? 'never' : name.startsWith('max') || name.startsWith('burst') ? 'unlimited' : '–';
    if (name === 'signals') return Object.entries(of).map(([type, one]) => `${type} ${number(one.max_signals_per_sec)}/s`).join(', ') || 'unlimited';
    if (name === 'periods') return of.map(period).join(', ') || 'unlimited';
    if (Array.isArray(of)) return of.join(', ') || (name === 'external_ids' ? 'none' : 'anywhere');
    if (BYTES.includes(name)) return bytes(of);
    return name === 'blocked_until' ? time(of) : typeof of === 'number' ? number(of) : String(of);
  }

  async function loadHistory() {
    const tag = etag; // an undo must not revert a change that the list does not show
    const answer = await get(`${path}/history`);
    const newest = answer.changes[0];
    const ofRate = answer.changes.find((change) => ['max_signals_per_sec', 'plan', 'unlimited'].some((name) => JSON.stringify(change.from?.[name] ?? null) !== JSON.stringify(change.to?.[name] ?? null)));
    rateSince = ofRate ? Date.parse(ofRate.at) : null;
    history.replaceChildren(answer.changes.length === 0 ? empty('No changes yet') : h('ol', { class: 'changes' }, answer.changes.map((change) => h('li', {},
      h('div', {}, h('time', { datetime: change.at }, time(change.at)), ' by ', h('b', {}, change.by)),
      h('div', { class: 'diff' }, differences(change)),
      change.config_offset === null ? null : h('button', { type: 'button', class: 'quiet', onclick: () => act(() => undo(change, change === newest, tag)) }, change === newest ? 'Undo' : 'Revert to before this')))));
  }

  function differences(change) {
    if (!change.to) return 'config removed';
    const names = Object.keys({ ...change.from, ...change.to }).filter((name) => name !== 'tenant_id' && JSON.stringify(change.from?.[name]) !== JSON.stringify(change.to[name]));
    const shown = change.from ? names : names.filter((name) => ![null, ''].includes(change.to[name]) && change.to[name]?.length !== 0);
    return shown.map((name) => `${words(name)}: ${change.from ? `${value(name, change.from[name] ?? null)} → ` : ''}${value(name, change.to[name] ?? null)}`).join(' · ') || 'no difference';
  }

  async function undo(change, isNewest, tag) {
    await send('POST', `${path}/undo`, isNewest ? {} : { config_offset: change.config_offset }, tag ? { 'If-Match': tag } : {});
    toast('Reverted; undo again to restore the change');
  }

  /** @param config is done when `tenant` has the limits in force */
  async function loadUsage(config) {
    const usage = await get(`${path}/usage`);
    await config.catch(() => {});
    // Without limits in force, the tenant is unknown: all its signals are rejected.
    const isRejected = tenant !== null && !tenant.limits;
    const unlimited = isRejected ? '' : ', no limit';
    const perSecond = pace.of(id, usage);
    const bytesPerSecond = bytePace.of(id, { at: usage.at, accepted: usage.bytes.accepted, rejected_total: 0 })?.accepted ?? null;
    const ofLimit = (used, most, what) => (most === null ? `${number(used)} ${what}` : `${number(used)} of ${number(most)} ${what}`);
    const limit = usage.rate.limit_per_sec;
    const fact = (name, ...content) => h('div', { class: 'fact' }, h('h3', {}, name), content);
    use.replaceChildren(
      fact('Offered rate', bar('offered rate', perSecond?.offered ?? 0, limit, limit === null ? `${rate(perSecond?.offered)}${isRejected ? ', rejected' : ', no limit'}` : `${rate(perSecond?.offered)} of ${number(limit)}`),
        h('small', {}, [`${rate(perSecond?.accepted)} accepted`, limit === null ? '' : `${number(usage.rate.tokens)} of ${number(usage.rate.burst)} in the bucket`].filter(Boolean).join(', '))),
      fact('Bytes', bar('bytes', bytesPerSecond ?? 0, usage.bytes.limit_per_sec, usage.bytes.limit_per_sec === null ? `${bytes(usage.bytes.accepted)}${unlimited}` : `${bytesPerSecond === null ? '–' : bytes(bytesPerSecond)} of ${bytes(usage.bytes.limit_per_sec)}/s`),
        h('small', {}, [usage.bytes.limit_per_sec === null ? '' : `${bytes(usage.bytes.tokens)} of ${bytes(usage.bytes.burst)} in the bucket`,
          usage.bytes.signal_limit === null ? '' : `at most ${bytes(usage.bytes.signal_limit)} per signal`].filter(Boolean).join(', '))),
      ...usage.signals.map((one) => fact(`Type “${one.signal}”`, bar(one.signal, one.level_percent, 100, `${one.level_percent === 0 ? 'below 80 %' : `at ${one.level_percent} %`} of ${number(one.limit_per_sec)}/s`),
        h('small', {}, `${number(one.tokens)} of ${number(one.burst)} in the bucket`))),
      ...usage.periods.map((one) => fact(`This ${one.per}`, bar(one.per, one.used_percent, 100, [one.max_signals === null ? '' : `${number(one.signals)} of ${number(one.max_signals)} signals`, one.max_bytes === null ? '' : `${bytes(one.bytes)} of ${bytes(one.max_bytes)}`].filter(Boolean).join(', ')),
        h('small', {}, `resets ${time(one.resets_at)}`))),
      fact('Entities', bar('entities', usage.entities.total, usage.entities.limit, usage.entities.limit === null ? `${number(usage.entities.total)}${unlimited}` : `${number(usage.entities.total)} of ${number(usage.entities.limit)}`),
        h('small', {}, ['item', 'user', 'creator'].map((kind) => ofLimit(usage.entities[kind], usage.entities[`${kind}_limit`], `${kind}s`)).join(', '))),
      fact('Storage', bar('storage', usage.storage.sealed_bytes, usage.storage.limit_bytes, usage.storage.limit_bytes === null ? `${bytes(usage.storage.sealed_bytes)}${unlimited}` : `${bytes(usage.storage.sealed_bytes)} of ${bytes(usage.storage.limit_bytes)}`),
        h('small', {}, counted(usage.storage.sealed_segments, 'sealed segment'))),
      fact('In total', h('span', { class: 'use' }, h('span', { class: 'use-text' }, h('b', { id: 'accepted' }, number(usage.accepted)), ' accepted, ', h('b', { id: 'rejected', class: usage.rejected_total ? 'no' : '' }, number(usage.rejected_total)), ' rejected')),
        h('small', {}, `last decision ${time(usage.last_decision_at)}`)));
    byReason.textContent = REASONS.filter((reason) => usage.rejected[reason] > 0).map((reason) => `${words(reason)} ${number(usage.rejected[reason])}`).join(' · ');
    chart.show(await get(`/v1/history?tenant=${id}`), limit, rateSince);
  }

  async function refresh() {
    const config = loadConfig();
    const parts = await Promise.allSettled([config, loadUsage(config)]);
    for (const [part, box] of [[parts[0], limits], [parts[1], use]]) {
      if (part.status === 'rejected' && box.querySelector('.loading')) box.replaceChildren(failed(part.reason));
    }
    if (tenant && tenant.config_offset !== shownOffset) {
      const offset = tenant.config_offset;
      await loadHistory();
      shownOffset = offset;
    }
  }

  return { element, refresh, redraw: () => chart.redraw(), close: () => chart.close() };
}
