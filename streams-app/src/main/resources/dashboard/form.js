// The form of one tenant's config: every limit, a preview of a change, and the change as commands.
import { curl, send } from './api.js';
import { command, failed, h, loading, number, percent, REASONS, shellQuote, toast, words } from './dom.js';

const DURATION = /^P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,3})?S)?)?$/i;
const UINT_MAX = 4294967295;
export const FIELDS = [
  ['max_signals_per_sec', 'Rate', 'signals per second', '--rate', UINT_MAX],
  ['burst_signals', 'Burst', 'signals at once; empty = 2 × the rate', '--burst', UINT_MAX],
  ['max_bytes_per_sec', 'Byte rate', 'bytes of values per second', '--byte-rate', Number.MAX_SAFE_INTEGER],
  ['burst_bytes', 'Byte burst', 'bytes at once; empty = 2 × the byte rate', '--byte-burst', Number.MAX_SAFE_INTEGER],
  ['max_signal_bytes', 'Signal size', 'maximum bytes of a value', '--signal-size', UINT_MAX],
  ['max_entities', 'Entities', 'distinct items, users and creators', '--entities', Number.MAX_SAFE_INTEGER],
  ['max_items', 'Items', 'distinct items', '--items', Number.MAX_SAFE_INTEGER],
  ['max_users', 'Users', 'distinct users', '--users', Number.MAX_SAFE_INTEGER],
  ['max_creators', 'Creators', 'distinct creators', '--creators', Number.MAX_SAFE_INTEGER],
  ['entity_idle_ttl', 'Idle entities', 'expire after a duration such as P30D or PT12H', '--entity-idle-ttl', DURATION],
  ['max_storage_bytes', 'Storage', 'bytes of sealed segments', '--storage', Number.MAX_SAFE_INTEGER],
];
const PERIODS = ['hour', 'day', 'month'];
const TYPES_MAX = 16;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
/** Removes separators of thousands. A decimal comma stays, and is not a whole number. */
const digits = (text) => (/^\d{1,3}([, _]\d{3})+$/.test(text.trim()) ? text.replaceAll(/[, _]/g, '') : text).trim();
const isExact = (value) => (typeof value === 'number' ? value <= Number.MAX_SAFE_INTEGER : !value || typeof value !== 'object' || Object.values(value).every(isExact));
const whole = (text, max) => /^\d+$/.test(text) && Number(text) <= max;

/** The warnings about valid limits with a surprising effect. */
export const warnings = (list) => (list ?? []).map((one) => h('p', { class: 'error', role: 'status' }, `Warning: ${one.message}`));

/**
 * @param current returns the stored config: { config, etag }
 * @param saved called after each change
 */
export function configForm(id, current, saved) {
  const path = `/v1/tenants/${id}`;
  const inputs = {};
  const errors = {};
  let base = null; // the config, with its ETag, to which the user's edits apply; null if there are none
  let loaded = false;
  const error = (name) => { errors[name] = h('span', { class: 'error', role: 'alert' }); return errors[name]; };
  const field = (name, label, input, hint) => {
    inputs[name] = input;
    return h('label', { for: `f-${name}` }, h('span', {}, label), input, hint ? h('span', { class: 'hint', id: `h-${name}` }, hint) : '', error(name));
  };
  const text = (name, more = {}) => h('input', { type: 'text', id: `f-${name}`, autocomplete: 'off', ...more });

  const numbers = FIELDS.map(([name, label, hint, , rule]) => field(name, label,
    text(name, { inputmode: rule === DURATION ? 'text' : 'numeric', 'aria-describedby': `h-${name}` }), hint));

  // One row for each type that has a limit.
  const rows = h('div', { class: 'rows' });
  const addType = h('button', { type: 'button', class: 'quiet', onclick: () => { addRow().querySelector('input').focus(); edited(); } }, 'Add a type');
  const typeUnlimited = h('input', { type: 'checkbox', id: 'f-signals-unlimited' });
  const types = h('fieldset', { id: 'f-signals' }, h('legend', {}, 'Limits of single types'), rows,
    h('label', { class: 'check', hidden: true }, typeUnlimited, 'unlimited, regardless of the plan'), addType, error('signals'));
  function addRow(type = '', limit = {}) {
    const row = h('div', { class: 'limit-row' },
      h('input', { type: 'text', maxlength: 128, 'aria-label': 'Type', placeholder: 'type', value: type, autocomplete: 'off', 'data-part': 'type' }),
      h('input', { type: 'text', inputmode: 'numeric', 'aria-label': 'Signals per second', placeholder: 'per second', value: limit.max_signals_per_sec ?? '', autocomplete: 'off', 'data-part': 'rate' }),
      h('input', { type: 'text', inputmode: 'numeric', 'aria-label': 'Burst', placeholder: 'burst', value: limit.burst_signals ?? '', autocomplete: 'off', 'data-part': 'burst' }),
      h('button', { type: 'button', class: 'quiet', 'aria-label': 'Remove this type', onclick: () => { row.remove(); edited(); } }, '✕'));
    rows.append(row);
    return row;
  }

  // Hour, day, month: signals and bytes.
  const periodInputs = PERIODS.map((per) => ['max_signals', 'max_bytes'].map((what) => h('input', {
    type: 'text', inputmode: 'numeric', id: `f-${per}-${what}`, 'aria-label': `${what === 'max_signals' ? 'Signals' : 'Bytes'} in a ${per}`, placeholder: what === 'max_signals' ? 'signals' : 'bytes', autocomplete: 'off',
  })));
  const periodUnlimited = h('input', { type: 'checkbox', id: 'f-periods-unlimited' });
  const periods = h('fieldset', { id: 'f-periods' }, h('legend', {}, 'Limits of calendar periods (UTC)'),
    PERIODS.map((per, i) => h('div', { class: 'period-row' }, h('span', {}, per), periodInputs[i])),
    h('label', { class: 'check', hidden: true }, periodUnlimited, 'unlimited, regardless of the plan'), error('periods'));

  const ofPlan = h('option', { value: '' }, 'from the plan');
  const more = [
    field('required_regions', 'Regions', text('required_regions', { placeholder: 'anywhere', 'aria-describedby': 'h-required_regions' }), 'regions where the tenant’s data must stay, separated by commas'),
    field('label', 'Label', text('label', { maxlength: 200 })),
    field('external_ids', 'Names', h('textarea', { id: 'f-external_ids', rows: 2, autocomplete: 'off', spellcheck: false, 'aria-describedby': 'h-external_ids' }), 'names that signals can use instead of the id, one per line'),
    field('plan', 'Plan', text('plan', { maxlength: 64, placeholder: 'no plan' }), 'supplies every empty limit'),
    field('mode', 'Mode', h('select', { id: 'f-mode' }, ofPlan, h('option', { value: 'enforce' }, 'enforce'), h('option', { value: 'observe' }, 'observe: count, but accept'))),
  ];
  const preview = h('div', { id: 'preview', role: 'status' });
  const linesBox = h('div', {});
  const lines = h('details', { class: 'lines' }, h('summary', {}, 'The same on the command line'), linesBox);

  const shown = () => base ?? current();
  const config = () => shown().config ?? {};
  const stored = (name) => (config().unlimited?.includes(name) ? 'unlimited' : config()[name] ?? null);
  const list = (value) => value.split(/[\s,]+/).filter(Boolean);
  const names = () => inputs.external_ids.value.split('\n').map((one) => one.trim()).filter(Boolean);

  // An input that still has the text that was written into it is unchanged, even if JavaScript has rounded the number.
  const filledIn = new Map();
  const write = (input, value) => {
    input.value = value ?? '';
    filledIn.set(input, input.value);
  };
  const isEdited = (input) => input.value !== filledIn.get(input);

  function fill() {
    if (!loaded) {
      loaded = true;
      allow(true);
    }
    if (base) return;
    const { plan, signals, required_regions, label, external_ids, mode } = config();
    for (const [name] of FIELDS) {
      write(inputs[name], stored(name));
      inputs[name].placeholder = plan ? `from plan ${plan}` : 'no limit';
    }
    // Rebuild the rows only if they have changed: a refresh must not take the focus away.
    if (!same(readTypes()?.signals, plainTypes(signals))) {
      rows.replaceChildren();
      Object.entries(signals ?? {}).forEach(([type, limit]) => addRow(type, limit));
    }
    PERIODS.forEach((per, i) => {
      const limit = (config().periods ?? []).find((one) => one.per === per);
      write(periodInputs[i][0], limit?.max_signals);
      write(periodInputs[i][1], limit?.max_bytes);
    });
    for (const [box, name] of [[typeUnlimited, 'signals'], [periodUnlimited, 'periods']]) {
      box.checked = stored(name) === 'unlimited';
      box.parentElement.hidden = !plan;
    }
    inputs.required_regions.value = (required_regions ?? []).join(', ');
    inputs.label.value = label ?? '';
    inputs.external_ids.value = (external_ids ?? []).join('\n');
    inputs.plan.value = plan ?? '';
    ofPlan.hidden = !plan;
    inputs.mode.value = mode ?? (plan ? '' : 'enforce');
    showLines();
  }

  /** The limits in the rows, in the format of a config; null if one is invalid. */
  function readTypes() {
    const signals = Object.create(null); // a type may be __proto__
    let wrong = '';
    for (const row of rows.children) {
      const [type, perSecond, burst] = ['type', 'rate', 'burst'].map((part) => row.querySelector(`[data-part=${part}]`).value);
      if (!type && !perSecond && !burst) continue;
      if (!type || Object.hasOwn(signals, type)) wrong = 'Each row needs a different type.';
      if (!whole(digits(perSecond), UINT_MAX) || (digits(burst) !== '' && !whole(digits(burst), UINT_MAX))) wrong = `Rate and burst are whole numbers from 0 to ${number(UINT_MAX)}. An empty burst is 2 × the rate.`;
      signals[type] = { max_signals_per_sec: Number(digits(perSecond)), burst_signals: digits(burst) === '' ? null : Number(digits(burst)) };
    }
    addType.disabled = rows.children.length >= TYPES_MAX;
    errors.signals.textContent = wrong;
    types.setAttribute('aria-invalid', Boolean(wrong));
    return wrong ? null : { signals };
  }

  function readPeriods() {
    const found = [];
    let wrong = false;
    // A change replaces all periods, so a limit that JavaScript has rounded can only stay if none is edited.
    const anyEdited = periodInputs.flat().some(isEdited);
    PERIODS.forEach((per, i) => {
      const [max_signals, max_bytes] = periodInputs[i].map((input) => digits(input.value)).map((one) => {
        wrong ||= anyEdited && one !== '' && !whole(one, Number.MAX_SAFE_INTEGER);
        return one === '' ? null : Number(one);
      });
      if (max_signals !== null || max_bytes !== null) found.push({ per, max_signals, max_bytes });
    });
    errors.periods.textContent = wrong ? `Signals and bytes are whole numbers from 0 to ${number(Number.MAX_SAFE_INTEGER)}, or empty for no limit. The command line sets higher ones.` : '';
    periods.setAttribute('aria-invalid', wrong);
    return wrong ? null : found;
  }

  const plainTypes = (signals) => Object.fromEntries(Object.entries(signals ?? {}).map(([type, one]) => [type, { max_signals_per_sec: one.max_signals_per_sec, burst_signals: one.burst_signals ?? null }]));
  const plainPeriods = (all) => PERIODS.flatMap((per) => (all ?? []).filter((one) => one.per === per).map((one) => ({ per, max_signals: one.max_signals ?? null, max_bytes: one.max_bytes ?? null })));

  /** The fields of the form that differ from the config, each as a whole; null if a field is invalid. */
  function changed() {
    const changes = {};
    let right = true;
    const planned = inputs.plan.value.trim() !== '';
    for (const [name, label, , , rule] of FIELDS) {
      const written = inputs[name].value.trim();
      const value = digits(written);
      const kept = typeof stored(name) === 'number' && !isEdited(inputs[name]);
      const unlimited = planned && !name.startsWith('burst') && written.toLowerCase() === 'unlimited';
      const read = value === '' ? null : unlimited ? 'unlimited' : rule === DURATION ? value.toUpperCase() : Number(value);
      const wrong = value !== '' && !unlimited && !kept && (rule === DURATION ? !rule.test(value) : !whole(value, rule));
      const allowed = rule === DURATION ? 'a duration such as P30D or PT12H' : `a whole number from 0 to ${number(rule)}`;
      errors[name].textContent = wrong ? `${label} is ${allowed}, or empty for ${planned ? 'the limit of the plan' : 'no limit'}.` : '';
      inputs[name].setAttribute('aria-invalid', wrong);
      right &&= !wrong;
      if (!kept && read !== stored(name)) changes[name] = read;
    }
    const read = readTypes();
    const ofPeriods = readPeriods();
    right &&= read !== null && ofPeriods !== null;
    if (!right) return null;
    if (typeUnlimited.checked && planned) {
      if (stored('signals') !== 'unlimited') changes.signals = 'unlimited';
    } else if (stored('signals') === 'unlimited' || !same(read.signals, plainTypes(config().signals))) {
      changes.signals = Object.keys(read.signals).length ? read.signals : null;
    }
    if (periodUnlimited.checked && planned) {
      if (stored('periods') !== 'unlimited') changes.periods = 'unlimited';
    } else if (stored('periods') === 'unlimited' || !same(ofPeriods, plainPeriods(config().periods))) {
      changes.periods = ofPeriods.length ? ofPeriods : null;
    }
    const regions = list(inputs.required_regions.value);
    if (!same(regions, config().required_regions ?? [])) changes.required_regions = regions;
    if (inputs.label.value !== (config().label ?? '')) changes.label = inputs.label.value;
    if (!same(names(), config().external_ids ?? [])) changes.external_ids = names();
    const plan = inputs.plan.value.trim() || null;
    if (plan !== (config().plan ?? null)) changes.plan = plan;
    if (inputs.mode.value !== (config().mode ?? (config().plan ? '' : 'enforce'))) changes.mode = inputs.mode.value || null;
    return changes;
  }

  /** A PATCH merges the fields of `signals`, so removed ones must be sent as null. */
  function patch(changes) {
    if (typeof changes.signals !== 'object' || changes.signals === null) return changes;
    const gone = Object.keys(config().signals ?? {}).filter((type) => !Object.hasOwn(changes.signals, type));
    return { ...changes, signals: { ...changes.signals, ...Object.fromEntries(gone.map((type) => [type, null])) } };
  }

  function optionsOf(changes) {
    const set = FIELDS.filter(([name]) => changes[name] !== undefined && changes[name] !== null).map(([name, , , option]) => `${option} ${changes[name]}`);
    const unset = FIELDS.filter(([name]) => changes[name] === null).map(([, , , option]) => option);
    if (changes.signals === 'unlimited') set.push('--signal unlimited');
    else if (changes.signals) {
      Object.entries(patch(changes).signals).filter(([type, one]) => !same(one, plainTypes(config().signals)[type] ?? 0)).forEach(([type, one]) => set.push(
        `--signal ${shellQuote(`${type}=${one === null ? '' : `${one.max_signals_per_sec}/s${one.burst_signals === null ? '' : `,${one.burst_signals}`}`}`)}`));
    } else if (changes.signals === null) unset.push('--signal');
    if (changes.periods === 'unlimited') set.push('--period unlimited');
    else if (changes.periods !== undefined) {
      if (changes.periods === null || (config().periods ?? []).some((one) => !changes.periods.some((other) => other.per === one.per))) unset.push('--period');
      (changes.periods ?? []).forEach((one) => set.push(`--period ${one.per}=${one.max_signals ?? ''}${one.max_bytes === null ? '' : `,${one.max_bytes}`}`));
    }
    for (const [name, option] of [['required_regions', '--region'], ['external_ids', '--external-id']]) {
      if (changes[name]?.length === 0) unset.push(option);
      else set.push(...(changes[name] ?? []).map((one) => `${option} ${shellQuote(one)}`));
    }
    for (const [name, option] of [['label', '--label'], ['plan', '--plan'], ['mode', '--mode']]) {
      if (changes[name]) set.push(`${option} ${shellQuote(changes[name])}`);
      else if (changes[name] !== undefined) unset.push(option);
    }
    return { set, unset };
  }

  function showLines() {
    const changes = changed();
    if (!changes || Object.keys(changes).length === 0) {
      showIfChanged(linesBox, [command(`tidegate tenants get ${id}`), command(curl(path))]);
      return;
    }
    const { set, unset } = optionsOf(changes);
    showIfChanged(linesBox, [
      unset.length ? command(`tidegate tenants unset ${id} ${unset.join(' ')}`) : '',
      set.length ? command(`tidegate tenants set ${id} ${set.join(' ')}`) : '',
      command(curl(path, `-X ${shown().config ? 'PATCH' : 'PUT'} -H 'Content-Type: application/json' -d ${shellQuote(JSON.stringify(shown().config ? patch(changes) : changes))} `))].filter(Boolean));
  }

  /** Keeps the focus in lines that are the same. */
  function showIfChanged(box, lines) {
    if (lines.map((line) => line.outerHTML).join('') !== [...box.children].map((line) => line.outerHTML).join('')) box.replaceChildren(...lines);
  }

  function failedField(e) {
    if (!errors[e.field]) {
      preview.replaceChildren(failed(e));
      return;
    }
    errors[e.field].textContent = e.message;
    (inputs[e.field] ?? box.querySelector(`#f-${e.field} input, #f-${e.field} button`)).focus();
  }

  async function dryRun() {
    const changes = changed();
    if (!changes) return;
    preview.replaceChildren(loading('recent signals'));
    try {
      const proposed = { ...config(), ...changes };
      // A limit with a new value is no longer unlimited.
      if (proposed.unlimited) proposed.unlimited = proposed.unlimited.filter((name) => !Object.hasOwn(changes, name));
      delete proposed.tenant_id;
      if (!isExact(proposed)) {
        preview.replaceChildren(failed({ title: 'Not possible in the browser', message: `A limit above ${number(Number.MAX_SAFE_INTEGER)} cannot be shown exactly. Use the command line: tidegate tenants set --dry-run.` }));
        return;
      }
      const report = await send('POST', `${path}/dry-run`, { config: proposed });
      preview.replaceChildren(h('p', { class: 'preview' }, 'Would have rejected ', h('b', {}, number(report.rejected_total)), ' of the last ', h('b', {}, number(report.signals)), ' signals',
        report.signals ? ` (${percent(report.rejected_total, report.signals)}), within an hour.` : '.'),
      h('ul', { class: 'legend' }, REASONS.filter((reason) => report.rejected[reason] > 0).map((reason) => h('li', {}, h('span', { class: `swatch c-${reason}` }), words(reason), h('b', {}, number(report.rejected[reason]))))), ...warnings(report.warnings));
    } catch (e) {
      preview.replaceChildren();
      failedField(e);
    }
  }

  async function save(event) {
    event.preventDefault();
    const changes = changed();
    if (!changes) {
      const wrong = box.querySelector('[aria-invalid=true]');
      (wrong?.matches('fieldset') ? wrong.querySelector('input') : wrong)?.focus();
      return;
    }
    const { config: before, etag } = shown();
    if (before && Object.keys(changes).length === 0) {
      toast('Nothing has changed');
      return;
    }
    try {
      const answer = before ? await send('PATCH', path, patch(changes), etag ? { 'If-Match': etag } : {})
        : await send('PUT', path, changes, etag ? {} : { 'If-None-Match': '*' });
      base = null;
      preview.replaceChildren(...warnings(answer.warnings));
      toast('Saved and in force');
      await saved();
    } catch (e) {
      if (e.id === 'precondition_failed') {
        preview.replaceChildren(failed({ title: 'The config was changed by someone else', message: 'The form now shows the current config. Make your change again.' }));
        base = null;
        await saved();
      } else failedField(e);
    }
  }

  function edited() {
    base ??= current();
    preview.replaceChildren();
    showLines();
  }

  function reset() {
    base = null;
    preview.replaceChildren();
    rows.replaceChildren();
    fill();
  }

  const box = h('form', { class: 'edit', onsubmit: save, oninput: edited, novalidate: true },
    numbers, types, periods, more,
    h('div', { class: 'buttons' }, h('button', { type: 'submit', class: 'primary' }, 'Save'),
      h('button', { type: 'button', onclick: dryRun }, 'What would it reject?'), h('button', { type: 'button', class: 'quiet', onclick: reset }, 'Reset')),
    preview, lines);
  const allow = (allowed) => { for (const one of box.elements) one.disabled = !allowed; };
  // Disabled until the config is loaded: an edit before that would save every other field as empty.
  allow(false);
  return { element: box, fill };
}
