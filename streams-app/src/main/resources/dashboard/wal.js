// The instances with their tasks and restores, and the tenants with the largest segments.
import { get } from './api.js';
import { bytes, command, empty, failed, h, loading, number, pill, time } from './dom.js';

const TENANTS = 20;
const SEGMENTS_A_PAGE = 100;

const verified = (last) => (last ? `${time(last.at)}: ${number(last.records)} records, ${last.damaged ? `${number(last.damaged)} places damaged` : 'clean'}` : 'never');

export function wal() {
  const instances = h('div', { class: 'cards', id: 'instances-list' }, loading('the instances'));
  const tenants = h('div', { id: 'segments' }, loading('the segments'));
  const element = h('div', { class: 'stack' }, h('h1', {}, 'WAL and instances'),
    h('section', { 'aria-labelledby': 'i' }, h('h2', { id: 'i' }, 'Instances'),
      h('p', { class: 'hint tasks', id: 'tasks-legend' }, 'Tasks: each number is a partition of a stage. ', h('span', { class: 'task active' }, 'active'), h('span', { class: 'task standby' }, 'standby'), h('span', { class: 'task moving' }, 'not running yet')),
      instances),
    h('section', { 'aria-labelledby': 's' }, h('h2', { id: 's' }, 'Sealed segments'), tenants),
    h('section', { 'aria-labelledby': 'v' }, h('h2', { id: 'v' }, 'Check the files'),
      h('p', { class: 'hint' }, 'Every record has a checksum, which is checked on each read. To check all files of an instance, run on its machine:'),
      command('tidegate wal verify --data-dir DIR'), h('p', { class: 'hint' }, 'To check that every signal has exactly one outcome:'), command('tidegate verify')));
  const open = new Map(); // tenant -> its segments' element

  function card(one) {
    const stages = ['route', 'admit'].map((stage) => [stage, (one.tasks ?? []).filter((task) => task.stage === stage)]);
    // With keyed ingress, the tasks of admit also read the signals, and route has no tasks.
    const shown = stages.filter(([stage, tasks]) => stage === 'admit' || tasks.length > 0 || stages.every(([, all]) => all.length === 0));
    return h('article', { class: 'card', 'aria-label': `Instance ${one.instance ?? one.address}` },
      h('div', { class: 'heading' }, h('h3', {}, one.instance ?? one.address), one.ready ? pill('ready', 'good') : pill(one.state, one.state === 'unreachable' ? 'bad' : 'wait')),
      h('p', { class: 'hint' }, [one.address, one.region ? `region ${one.region}` : '', one.version ? `version ${one.version}` : ''].filter(Boolean).join(', ')),
      one.not_ready_because?.length ? h('p', { class: 'error' }, one.not_ready_because.join('; ')) : null,
      (one.restoring ?? []).map((store) => h('label', { class: 'restore' }, `Restoring ${store.store} ${store.partition}: ${store.percent} %`, h('progress', { max: 100, value: store.percent }))),
      one.state === 'unreachable' ? null : h('dl', { class: 'pairs' },
        h('dt', {}, 'Lag'), h('dd', {}, number(one.lag)),
        h('dt', {}, 'Free disk'), h('dd', {}, `${bytes(one.disk.free_bytes)}, pauses below ${bytes(one.disk.min_free_bytes)}`),
        one.heap ? [h('dt', {}, 'Heap'), h('dd', {}, `${bytes(one.heap.used_bytes)} of ${bytes(one.heap.max_bytes)}`)] : '',
        h('dt', {}, 'Verified'), h('dd', { class: one.last_verify?.damaged ? 'no' : '' }, verified(one.last_verify)),
        h('dt', {}, 'Configs'), h('dd', {}, `${number(one.tenants_configured)}${one.configs_rejected ? `, ${number(one.configs_rejected)} rejected` : ''}`),
        one.paused_because?.length ? [h('dt', {}, 'Paused'), h('dd', { class: 'no' }, one.paused_because.join('; '))] : '',
        one.waits_for ? [h('dt', {}, 'Waits for'), h('dd', { class: 'no' }, one.waits_for)] : '',
        one.missing_tenant ? [h('dt', {}, 'No tenant'), h('dd', {}, one.missing_tenant === 'reject' ? 'to the dead-letter topic' : 'counts for tenant 0')] : null,
        shown.map(([stage, tasks]) => [h('dt', {}, stage), h('dd', { class: 'tasks' }, tasks.length === 0 ? 'no task'
          : tasks.map((task) => h('span', { class: `task ${task.active ? 'active' : 'standby'} ${task.running ? '' : 'moving'}`, title: `${stage} ${task.partition}: ${task.active ? 'active' : 'standby'}${task.running ? '' : ', not running yet'}` },
            number(task.partition), h('span', { class: 'sr' }, task.active ? ' active' : ' standby'))))])));
  }

  async function segments(id, box) {
    if (box.children.length) {
      box.replaceChildren();
      open.delete(id);
      return;
    }
    open.set(id, box);
    box.replaceChildren(loading('segments'));
    const rows = h('tbody', {});
    const message = h('div', {});
    const more = h('button', { type: 'button', class: 'quiet', onclick: () => nextPage().catch((e) => message.replaceChildren(failed(e))) }, 'Show more');
    let after = null; // the sequence number after which the next page begins
    let working = false;
    async function nextPage() {
      if (working) return;
      working = true;
      try {
        const page = await get(`/v1/segments?tenant=${id}&limit=${SEGMENTS_A_PAGE}${after === null ? '' : `&after=${after}`}`);
        rows.append(...page.segments.map((one) => h('tr', {}, h('td', {}, number(one.first_seq)), h('td', { class: 'num' }, bytes(one.bytes)))));
        after = page.next_after;
        more.hidden = after === null;
        message.replaceChildren();
      } finally {
        working = false;
      }
    }
    try {
      await nextPage();
      if (open.get(id) !== box) return; // closed meanwhile
      box.replaceChildren(h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'From sequence number'), h('th', { scope: 'col', class: 'num' }, 'Size'))), rows),
        more, message, command(`tidegate wal ls ${id} --data-dir DIR`));
    } catch (e) {
      box.replaceChildren(failed(e));
    }
  }

  async function showTenants() {
    const answer = await get(`/v1/tenants?sort=storage&limit=${TENANTS}`);
    const rows = answer.tenants.filter((one) => one.usage.storage.sealed_segments > 0);
    if (rows.length === 0) {
      tenants.replaceChildren(empty('No segment is sealed yet', 'A segment is sealed when it is full or old enough. Only sealed segments count for the storage quota.'));
      return;
    }
    const focused = document.activeElement?.closest?.('[data-segments], [data-tenant] a');
    const inSegments = [...open.values()].some((box) => box.contains(document.activeElement)) ? document.activeElement : null;
    const focusedTenant = focused?.dataset.segments ?? focused?.closest('[data-tenant]').dataset.tenant;
    tenants.replaceChildren(h('table', { class: 'wide' }, h('thead', {}, h('tr', {}, ['Tenant', 'Segments', 'Size', 'Pruned below', ''].map((name, i) => h('th', { scope: 'col', class: i > 0 && i < 4 ? 'num' : '' }, name)))),
      h('tbody', {}, rows.flatMap((one) => {
        const box = open.get(one.id) ?? h('div', {});
        return [h('tr', { 'data-tenant': one.id }, h('th', { scope: 'row' }, h('a', { href: `#/tenant/${one.id}` }, one.config?.label || `Tenant ${one.id}`), ' ', h('small', { title: (one.config?.external_ids ?? []).join(', ') }, [`t${one.id}`, ...(one.config?.external_ids ?? []).slice(0, 1)].join(' · '))),
          h('td', { class: 'num', 'data-name': 'Segments' }, number(one.usage.storage.sealed_segments)), h('td', { class: 'num', 'data-name': 'Size' }, bytes(one.usage.storage.sealed_bytes)), h('td', { class: 'num', 'data-name': 'Pruned below' }, number(one.usage.storage.pruned_below_seq)),
          h('td', {}, h('button', { type: 'button', class: 'quiet', 'data-segments': one.id, onclick: () => segments(one.id, box) }, 'Segments'))),
        h('tr', { class: 'more' }, h('td', { colspan: 5 }, box))];
      }))),
    answer.matched > TENANTS ? h('p', { class: 'hint' }, `The ${TENANTS} largest of ${number(answer.matched)} tenants.`) : '');
    if (focused) tenants.querySelector(focused.dataset.segments ? `[data-segments="${focusedTenant}"]` : `[data-tenant="${focusedTenant}"] a`)?.focus();
    inSegments?.focus({ preventScroll: true }); // the rows have moved, and the browser has taken the focus away
  }

  return {
    element,
    async refresh(status, denied) {
      if (denied) instances.replaceChildren(failed(denied));
      if (status) instances.replaceChildren(...status.instances.map(card));
      try {
        await showTenants();
      } catch (e) {
        if (tenants.querySelector('.loading')) tenants.replaceChildren(failed(e));
        throw e;
      }
    },
    close: () => {},
  };
}
