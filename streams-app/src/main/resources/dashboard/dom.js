// Elements and formats. Text always becomes a text node: data of a tenant is never interpreted as HTML.

/** h('a', { class: 'x', href: '#/', onclick: f }, 'text', child, null) */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** A number with its noun, such as "1 segment" or "2 segments". */
export const counted = (value, noun) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
export const number = (value) => (value === null || value === undefined ? '–' : whole.format(value));

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return '–';
  return `${(perSecond < 10 ? tenth : whole).format(perSecond)}/s`;
}

export function bytes(value) {
  if (value === null || value === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit++;
  }
  return `${unit === 0 ? whole.format(left) : tenth.format(left)} ${units[unit]}`;
}

export function percent(part, of) {
  if (!of) return '–';
  const value = (100 * part) / of;
  return `${value > 0 && value < 10 ? tenth.format(value) : whole.format(Math.round(value))} %`;
}

export const time = (iso) => (iso ? new Date(iso).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }) : '–');
export const clock = (iso) => (iso ? new Date(iso).toLocaleTimeString('en-GB') : '–');

export const REASONS = ['rate_limited', 'burst_exceeded', 'entity_limit', 'storage_limit', 'region_not_allowed',
  'tenant_blocked', 'tenant_unknown', 'byte_rate_limited', 'signal_too_large', 'period_limit', 'signal_rate_limited'];
export const DEFECTS = [
  'malformed', 'tenant_missing', 'tenant_invalid', 'tenant_mismatch', 'too_large', 'avro_framing', 'schema_unknown', 'avro_undecodable',
];
export const words = (reason) => (reason ? reason.replaceAll('_', ' ') : '–');

/** A bar of the used share of a limit, with a text; without a limit, only the text. */
export function bar(label, used, limit, text) {
  const share = limit === null || limit === undefined ? null : limit === 0 ? 100 : Math.min(100, (100 * used) / limit);
  const level = share === null ? '' : share >= 100 ? 'full' : share >= 80 ? 'high' : 'fine';
  return h('span', { class: `use ${level}` },
    h('span', { class: 'use-text' }, text),
    share === null ? h('span', { class: 'track none' }) : h('progress', { max: 100, value: share, 'aria-label': `${label}: ${text}` }));
}

export const pill = (text, kind) => h('span', { class: `pill ${kind}` }, text);

/** A command with a button to copy it. */
export function command(line) {
  const code = h('code', { tabindex: 0, role: 'textbox', 'aria-readonly': 'true', 'aria-label': 'Command' }, line);
  return h('div', { class: 'command' }, code,
    h('button', { type: 'button', class: 'quiet', onclick: () => navigator.clipboard.writeText(line).then(() => toast('Copied'), () => toast('Select the line to copy it')) }, 'Copy'));
}

let toastTimer;
export function toast(text) {
  const box = document.getElementById('toast');
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, 4000);
}

export const loading = (what) => h('p', { class: 'empty loading' }, `Loading ${what} …`);
export const empty = (title, ...more) => h('div', { class: 'empty' }, h('strong', {}, title), ...more.map((text) => h('p', {}, text)));
export const failed = (error) => h('div', { class: 'empty error', role: 'alert' }, h('strong', {}, error.title ?? 'The request failed'), h('p', {}, error.message));

/** Shows a dialog. The promise resolves to the value of the chosen button, or to null if the dialog was closed. */
export function ask(title, content, buttons) {
  const first = document.getElementById('dialog');
  // A request of an open dialog may need a token, which is asked for on top of it.
  const dialog = first.open ? document.body.appendChild(h('dialog', { 'aria-label': title })) : first;
  return new Promise((resolve) => {
    let result = null;
    const form = h('form', { method: 'dialog' },
      h('h2', { id: dialog === first ? 'dialog-title' : null }, title), ...content,
      h('div', { class: 'buttons' }, buttons.map(([text, value, kind]) => h('button', {
        type: 'submit', class: kind ?? '', formnovalidate: value === null, onclick: () => { result = typeof value === 'function' ? value() : value; },
      }, text))));
    dialog.replaceChildren(form);
    const closed = () => {
      // A browser reports a closed dialog in its next frame: it may be about the one that this one replaced.
      if (dialog.open && form.isConnected) return;
      dialog.removeEventListener('close', closed);
      if (dialog !== first) dialog.remove();
      resolve(result);
    };
    dialog.addEventListener('close', closed);
    dialog.showModal();
  });
}

/** A setting of this browser. Nothing is kept if the user has blocked the data of sites. */
export const kept = {
  get(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // valid until the page is closed
    }
  },
};

export const shellQuote = (text) => (/^[A-Za-z0-9_./:=,-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\\''")}'`);
