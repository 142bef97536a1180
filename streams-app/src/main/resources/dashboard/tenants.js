// The first page: current rates, the last hour, and all tenants with the use of their limits.
import { get, send } from './api.js';
import { Chart, ratesNow } from './charts.js';
import { ask, bar, bytes, command, empty, failed, h, loading, number, percent, pill, rate, words } from './dom.js';

const PAGE = 100;
const PAGES_MAX = 1000;
const SORTS = { used: 'most used', rejected: 'most rejected', accepted: 'most accepted', entities: 'most entities', storage: 'most storage', label: 'label', id: 'id' };
const STATES = { '': 'any state', enforce: 'enforcing', observe: 'observing', blocked: 'blocked', no_config: 'without config' };

function tile(name, kind = '') {
  const value = h('dd', {}, '–');
  const element = h('div', { class: `tile ${kind}` }, h('dt', {}, name), value);
  return { element, set: (text) => { value.textContent = text; } };
}

/** Offered and accepted signals per second, from two readings of a tenant's counters; null before the second reading. */
export class Pace {
  #last = new Map();

  of(id, usage) {
    const at = Date.parse(usage.at);
    const before = this.#last.get(id);
    const offered = usage.accepted + usage.rejected_total;
    if (!before || at - before.at >= 1500 || usage.accepted < before.accepted || offered < before.offered) {
      const known = before && at > before.at && usage.accepted >= before.accepted && offered >= before.offered;
      const perSecond = known ? { offered: ((offered - before.offered) * 1000) / (at - before.at), accepted: ((usage.accepted - before.accepted) * 1000) / (at - before.at) } : null;
      this.#last.set(id, { at, accepted: usage.accepted, offered, perSecond });
      if (this.#last.size > 5000) this.#last.clear();
      return perSecond;
    }
    return before.perSecond;
  }
}

export function overview(choices) {
  const tiles = {
    accepted: tile('Accepted', 'ok'), rejected: tile('Rejected', 'no'), share: tile('Rejected share'), over: tile('Tenants over 80 %'),
    wal: tile('Sealed WAL'), disk: tile('Least free disk'),
  };
  const chart = new Chart('Accepted and rejected signals');
  const chartBox = h('div', {}, loading('the last hour'));
  const list = tenantList(choices);
  const element = h('div', { class: 'stack' },
    h('h1', { class: 'sr' }, 'Tidegate'),
    h('section', { 'aria-labelledby': 'now' }, h('h2', { id: 'now' }, 'Now'), h('dl', { class: 'tiles', id: 'tiles' }, Object.values(tiles).map((one) => one.element))),
    h('section', { 'aria-labelledby': 'hour' }, h('h2', { id: 'hour' }, 'Last hour'), chartBox),
    list.element);

  async function now(status) {
    const history = await get('/v1/history');
    const rates = ratesNow(history);
    tiles.accepted.set(rate(rates.accepted));
    tiles.rejected.set(rate(rates.rejected));
    tiles.share.set(percent(rates.rejected, rates.accepted + rates.rejected));
    tiles.wal.set(bytes(history.sealed_bytes));
    if (chartBox.firstChild !== chart.element) chartBox.replaceChildren(chart.element);
    chart.show(history);
    const free = (status?.instances ?? []).map((one) => one.disk?.free_bytes).filter((one) => one !== null && one !== undefined);
    tiles.disk.set(free.length ? bytes(Math.min(...free)) : '–');
    tiles.over.set(number((await get('/v1/tenants?over=80&limit=1')).matched));
  }

  return {
    element,
    async refresh(status) {
      const both = await Promise.allSettled([now(status), list.refresh()]);
      const broken = both.find((one) => one.status === 'rejected');
      if (broken && chartBox.querySelector('.loading')) chartBox.replaceChildren(failed(broken.reason));
    },
    redraw: () => chart.redraw(),
    close: () => { chart.close(); list.close(); },
  };
}

const ID_MAX = 18446744073709551615n;

/** Asks for a tenant's id and first limits; the tenant's page has all other limits. After a failure, asks again and shows the reason. */
async function addTenant() {
  const input = (more) => h('input', { type: 'text', autocomplete: 'off', ...more });
  const id = input({ required: true, inputmode: 'numeric', pattern: '0|[1-9][0-9]{0,19}', id: 'a-id', placeholder: '42' });
  const label = input({ maxlength: 200, id: 'a-label', placeholder: 'Acme' });
  const plan = input({ maxlength: 64, id: 'a-plan', placeholder: 'no plan' });
  const perSecond = input({ inputmode: 'numeric', pattern: '[0-9]{0,10}', id: 'a-rate', placeholder: 'no limit' });
  const line = () => `tidegate tenants set ${id.value.trim() || 'ID'} --rate N/s`;
  let problem = '';
  for (;;) {
    const wanted = await ask('Add a tenant', [
      h('label', { for: 'a-id' }, 'Id', id), h('label', { for: 'a-label' }, 'Label', label), h('label', { for: 'a-plan' }, 'Plan', plan), h('label', { for: 'a-rate' }, 'Rate, signals per second', perSecond),
      h('p', { class: 'hint' }, 'The tenant’s page opens next, with all other limits. Limits that neither the tenant nor its plan sets are unlimited.'),
      problem ? h('p', { class: 'error', role: 'alert' }, problem) : '', command(line())],
    [['Add', () => id.value.trim(), 'primary'], ['Cancel', null]]);
    if (!wanted) return;
    try {
      if (!/^(0|[1-9][0-9]{0,19})$/.test(wanted) || BigInt(wanted) > ID_MAX) throw new Error('The id is a whole number from 0 to 18446744073709551615.');
      const config = { label: label.value };
      if (plan.value.trim()) config.plan = plan.value.trim();
      if (perSecond.value.trim()) config.max_signals_per_sec = Number(perSecond.value.trim());
      await send('PUT', `/v1/tenants/${wanted}`, config, { 'If-None-Match': '*' });
      location.hash = `#/tenant/${wanted}`;
      return;
    } catch (e) {
      problem = e.id === 'precondition_failed' ? `Tenant ${wanted} already exists.` : e.message;
    }
  }
}

/** The use of the hour, day or month whose limit is used most. */
function period(periods) {
  const most = periods.reduce((one, other) => (one === null || other.used_percent > one.used_percent ? other : one), null);
  if (!most) return '–';
  const share = (used, max) => (max === null ? -1 : max === 0 ? 1 : used / max);
  const text = share(most.signals, most.max_signals) >= share(most.bytes, most.max_bytes) ? `${number(most.signals)} of ${number(most.max_signals)}` : `${bytes(most.bytes)} of ${bytes(most.max_bytes)}`;
  return bar(most.per, most.used_percent, 100, `${most.per} ${text}`);
}

/** The list of all tenants. Only visible rows exist in the page, and only visible pages are refreshed. */
function tenantList(choices) {
  const pace = new Pace();
  const search = h('input', { type: 'search', id: 'search', placeholder: 'Label, name, or start of the id', value: choices.get('q') ?? '', 'aria-label': 'Search tenants' });
  const sort = select('Sort', SORTS, choices.get('sort') ?? 'used');
  const state = select('State', STATES, choices.get('state') ?? '');
  const over = h('input', { type: 'checkbox', id: 'over' });
  over.checked = choices.get('over') === '80';
  const count = h('span', { class: 'hint', role: 'status' });
  const spacer = h('div', { class: 'spacer', role: 'presentation' });
  const viewport = h('div', { class: 'viewport', tabindex: 0, role: 'rowgroup', 'aria-label': 'Tenants' }, spacer);
  const table = h('div', { class: 'tenants', role: 'table', 'aria-label': 'Tenants' },
    h('div', { class: 'row head', role: 'row' }, ['Tenant', 'Offered rate', 'Entities', 'Storage', 'Period', 'Rejected, 5 min', 'Main reason'].map((name) => h('span', { role: 'columnheader' }, name))),
    viewport);
  table.hidden = true;
  const message = h('div', {}, loading('tenants'));
  const element = h('section', { 'aria-labelledby': 'tenants' },
    h('div', { class: 'heading' }, h('h2', { id: 'tenants' }, 'Tenants'), count,
      h('div', { class: 'buttons' }, h('button', { type: 'button', id: 'add-tenant', onclick: () => addTenant() }, 'Add a tenant …'))),
    h('form', { class: 'filters', role: 'search', onsubmit: (e) => e.preventDefault() }, search, sort, state, h('label', { class: 'check' }, over, 'over 80 %')),
    message, table);

  let pages = []; // { cursor, rows, next }
  let matched = null;
  let generation = 0;
  let working = false;
  const style = () => Number.parseInt(getComputedStyle(element).getPropertyValue('--row'), 10) || 48;

  function select(label, options, chosen) {
    return h('select', { 'aria-label': label, value: chosen, onchange: changed }, Object.entries(options).map(([value, text]) => h('option', { value, selected: value === chosen }, text)));
  }

  function changed() {
    const kept = new URLSearchParams();
    if (search.value) kept.set('q', search.value);
    if (sort.value !== 'used') kept.set('sort', sort.value);
    if (state.value) kept.set('state', state.value);
    if (over.checked) kept.set('over', '80');
    history.replaceState(null, '', `#/${kept.size ? `?${kept}` : ''}`);
    pages = [];
    matched = null;
    generation++;
    viewport.scrollTop = 0;
    refresh();
  }

  async function fetchPage(index) {
    const query = new URLSearchParams({ limit: PAGE, sort: sort.value });
    if (search.value) query.set('q', search.value);
    if (state.value) query.set('state', state.value);
    if (over.checked) query.set('over', '80');
    const cursor = index === 0 ? null : pages[index - 1].next;
    if (cursor) query.set('cursor', cursor);
    const of = generation;
    const answer = await get(`/v1/tenants?${query}`);
    if (of !== generation) return false;
    pages[index] = { rows: answer.tenants, next: answer.next };
    matched = answer.matched;
    return true;
  }

  const firstInSight = () => Math.floor(viewport.scrollTop / style());
  const lastInSight = () => firstInSight() + Math.ceil(viewport.clientHeight / style());

  async function refresh() {
    const of = generation;
    try {
      const first = Math.min(Math.floor(firstInSight() / PAGE), Math.max(0, pages.length - 1));
      const last = Math.max(first, Math.floor(lastInSight() / PAGE));
      for (let index = first; index <= Math.min(last, PAGES_MAX); index++) {
        if (index > 0 && !pages[index - 1]?.next) break;
        if (!await fetchPage(index)) return;
      }
      draw();
    } catch (e) {
      if (of === generation && matched === null) message.replaceChildren(failed(e));
      throw e;
    }
  }

  /** Loads the pages down to the visible rows, one after the other, because each page needs the cursor of the previous one. */
  async function fill() {
    draw();
    if (working) return;
    working = true;
    try {
      while (pages.length * PAGE <= lastInSight() && pages.at(-1)?.next && pages.length < PAGES_MAX) {
        if (!await fetchPage(pages.length)) break;
        draw();
      }
    } catch {
      // the next refresh retries
    } finally {
      working = false;
    }
  }

  function draw() {
    if (matched === null) return;
    table.hidden = matched === 0;
    count.textContent = `${number(matched)} ${matched === 1 ? 'tenant' : 'tenants'}`;
    const filtered = search.value || state.value || over.checked;
    message.replaceChildren(...(matched > 0 ? []
      : [filtered ? empty('No matches', 'Search for something else, or remove the filters.')
        : empty('No tenants yet', 'Add one here, or on the command line: tidegate tenants set 42 --rate 100/s')]));
    const height = style();
    spacer.style.height = `${matched * height}px`;
    table.setAttribute('aria-rowcount', matched + 1);
    const from = Math.max(0, firstInSight() - 5);
    const to = Math.min(matched, lastInSight() + 6);
    const focused = document.activeElement?.closest?.('.row')?.dataset;
    const rows = [];
    for (let index = from; index < to; index++) {
      const tenant = pages[Math.floor(index / PAGE)]?.rows[index % PAGE];
      const row = tenant ? tenantRow(tenant, index) : h('div', { class: 'row waiting', role: 'row' }, h('span', { role: 'cell' }, '…'));
      row.style.top = `${index * height}px`;
      rows.push(row);
    }
    spacer.replaceChildren(...rows);
    // The tenant may be in another row now.
    if (focused) (spacer.querySelector(`[data-tenant="${focused.tenant}"] a`) ?? spacer.querySelector(`[data-index="${focused.index}"] a`))?.focus({ preventScroll: true });
  }

  function tenantRow(tenant, index) {
    const usage = tenant.usage;
    const perSecond = pace.of(tenant.id, usage);
    const limit = usage.rate.limit_per_sec;
    const recent = tenant.recent;
    const cell = (name, ...content) => h('span', { role: 'cell', 'data-name': name }, content);
    return h('div', { class: 'row', role: 'row', 'data-index': index, 'data-tenant': tenant.id, 'aria-rowindex': index + 2 },
      cell('Tenant', h('a', { href: `#/tenant/${tenant.id}` }, tenant.config?.label || `Tenant ${tenant.id}`),
        h('small', { title: (tenant.config?.external_ids ?? []).join(', ') }, [`t${tenant.id}`, ...(tenant.config?.external_ids ?? []).slice(0, 1)].join(' · ')), tenant.state === 'enforce' ? null : pill(STATES[tenant.state], tenant.state === 'blocked' ? 'bad' : 'wait')),
      cell('Offered rate', bar('offered rate', perSecond?.offered ?? 0, limit, limit === null ? rate(perSecond?.offered) : `${rate(perSecond?.offered)} of ${number(limit)}`)),
      cell('Entities', bar('entities', usage.entities.total, usage.entities.limit, usage.entities.limit === null ? number(usage.entities.total) : `${number(usage.entities.total)} of ${number(usage.entities.limit)}`)),
      cell('Storage', bar('storage', usage.storage.sealed_bytes, usage.storage.limit_bytes,
        usage.storage.limit_bytes === null ? bytes(usage.storage.sealed_bytes) : `${bytes(usage.storage.sealed_bytes)} of ${bytes(usage.storage.limit_bytes)}`)),
      cell('Period', period(usage.periods)),
      cell('Rejected', h('b', { class: recent?.rejected ? 'no' : '' }, recent ? percent(recent.rejected, recent.accepted + recent.rejected) : '–')),
      cell('Main reason', recent?.top_reason ? h('span', { class: 'reason' }, h('span', { class: `swatch c-${recent.top_reason}` }), words(recent.top_reason)) : '–'));
  }

  let timer;
  search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(changed, 200); });
  over.addEventListener('change', changed);
  viewport.addEventListener('scroll', fill, { passive: true });
  table.addEventListener('keydown', (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    const row = e.target.closest?.('.row[data-index]');
    if (!step || !row) return;
    e.preventDefault();
    const next = Number(row.dataset.index) + step;
    if (next < 0 || next >= matched) return;
    const top = next * style();
    if (top < viewport.scrollTop) viewport.scrollTop = top;
    if (top + style() > viewport.scrollTop + viewport.clientHeight) viewport.scrollTop = top + style() - viewport.clientHeight;
    draw();
    spacer.querySelector(`[data-index="${next}"] a`)?.focus({ preventScroll: true });
  });
  const resized = new ResizeObserver(() => draw());
  resized.observe(viewport);
  return { element, refresh, close: () => { resized.disconnect(); clearTimeout(timer); } };
}
