// The frame of the dashboard: navigation, the state of the cluster, and the warning about stale data.
import { allowAsking, askToken, getIfAllowed, isAskingToken, needsToken } from './api.js';
import { clock, empty, h, kept, number, pill } from './dom.js';
import { overview } from './tenants.js';
import { tenantPage } from './tenant.js';
import { rejections } from './rejections.js';
import { wal } from './wal.js';

const REFRESH_MS = 2000;
const STALE_AFTER_MS = 8000;
const TITLES = { overview: 'Tenants · Tidegate', rejections: 'Rejections · Tidegate', wal: 'WAL and instances · Tidegate' };

const main = document.getElementById('main');
let page = null; // { element, refresh(status, denied), close(), redraw(), lost(isLost), signedIn() }
let status = null;
let denied = null; // why the token does not show the state of the cluster
let lastAnswerMs = Date.now();
let polls = 0;

/** Opens the page that the URL's hash names: `#/tenant/42` is the page of tenant 42. The parameters after `?` survive a reload. */
function open() {
  const [path, query] = location.hash.slice(1).split('?', 2);
  const parts = path.split('/').filter(Boolean);
  const choices = new URLSearchParams(query ?? '');
  page?.close();
  allowAsking();
  let name = parts[0] ?? 'overview';
  if (name === 'tenant' && /^(0|[1-9][0-9]{0,19})$/.test(parts[1] ?? '')) page = tenantPage(parts[1]);
  else if (name === 'rejections') page = rejections(choices, status?.at);
  else if (name === 'wal') page = wal();
  else if (name === 'overview') page = overview(choices);
  else page = { element: empty('Page not found', 'The dashboard has no page at this address.'), refresh: async () => {}, close: () => {} };
  document.title = TITLES[name] ?? 'Tidegate';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.page === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  main.replaceChildren(page.element);
  if (!document.getElementById('stale').hidden) page.lost?.(true);
  poll();
}

function showCluster() {
  const box = document.getElementById('cluster');
  if (!status && !denied) {
    box.replaceChildren(pill('connecting', 'wait'));
    return;
  }
  if (!document.getElementById('stale').hidden) {
    // The known state is out of date.
    box.replaceChildren(pill('connection lost', 'bad'));
    return;
  }
  if (denied) {
    showDenied(box);
    return;
  }
  const instances = status.instances;
  const restoring = instances.flatMap((one) => one.restoring ?? []);
  const total = restoring.reduce((sum, one) => sum + one.total, 0);
  const restored = restoring.reduce((sum, one) => sum + one.restored, 0);
  const away = instances.filter((one) => one.state === 'unreachable').length;
  const paused = pauses(instances);
  const state = restoring.length > 0 ? [`restoring ${total ? Math.floor((100 * restored) / total) : 0} %`, 'wait']
    : away > 0 ? [`${away} unreachable`, 'bad']
      : paused.length > 0 ? [`paused: ${paused.join('; ')}`, 'bad']
        : instances.every((one) => one.ready) ? ['running', 'good'] : [instances.find((one) => !one.ready).state, 'wait'];
  const lag = status.lag ?? instances.reduce((sum, one) => sum + (one.lag ?? 0), 0);
  const shown = [pill(...state),
    h('span', {}, h('b', { id: 'instances' }, number(instances.length)), instances.length === 1 ? ' instance' : ' instances'),
    h('span', {}, 'lag ', h('b', {}, number(lag)))];
  // Screen readers announce each change.
  if (shown.map((one) => one.outerHTML).join('') !== box.innerHTML) box.replaceChildren(...shown);
}

/** The causes why instances are paused, each once and without its details, which the page of the instances shows. */
const pauses = (instances) => [...new Set(instances.filter((one) => one.paused).flatMap((one) => one.paused_because).map((cause) => cause.split(':', 1)[0]))];

/** Offers to enter a token instead of the state of the cluster. Replaces it only if it has changed: a poll must not take the focus away. */
function showDenied(box) {
  const text = denied.status === 401 ? 'not signed in' : 'one tenant only';
  if (box.querySelector('.pill')?.textContent === text) return;
  box.replaceChildren(pill(text, 'wait'), h('button', { type: 'button', class: 'quiet', id: 'sign-in', title: denied.message, onclick: signIn }, 'Sign in …'));
}

async function signIn() {
  if (!await askToken(denied)) return;
  page?.signedIn?.();
  poll();
}

function showStale() {
  const stale = document.getElementById('stale');
  // A page that asks nothing gets no answer.
  if (isAskingToken() || document.hidden) lastAnswerMs = Date.now();
  const old = Date.now() - lastAnswerMs > STALE_AFTER_MS;
  document.body.classList.toggle('is-stale', old);
  if (old && stale.hidden) {
    stale.replaceChildren(h('strong', {}, 'Connection lost. '),
      `The page shows the state of ${clock(new Date(lastAnswerMs).toISOString())}. It recovers by itself when an instance answers.`);
  }
  if (old !== !stale.hidden) {
    stale.hidden = !old;
    showCluster();
    page?.lost?.(old);
  }
}

/** Loads the state of the cluster. An instance that denies it to the token has answered, too. */
async function loadStatus() {
  try {
    status = await getIfAllowed('/v1/status');
    denied = null;
  } catch (e) {
    if (!needsToken(e)) return; // the stale line reports it, and the next poll retries
    status = null;
    denied = e;
  }
  lastAnswerMs = Date.now();
  showStale();
  showCluster();
}

async function poll() {
  const mine = ++polls;
  if (!document.hidden) {
    await loadStatus();
    try {
      await page?.refresh(status, denied);
    } catch (e) {
      console.warn('not refreshed', e);
    }
  }
  showStale();
  if (mine === polls) setTimeout(() => mine === polls && poll(), REFRESH_MS);
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  page?.redraw?.();
}

document.getElementById('theme').addEventListener('click', () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const theme = dark ? 'light' : 'dark';
  kept.set('theme', theme);
  setTheme(theme);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => page?.redraw?.());
window.addEventListener('hashchange', () => { open(); main.focus({ preventScroll: true }); scrollTo(0, 0); });
document.addEventListener('visibilitychange', () => { if (!document.hidden) { lastAnswerMs = Date.now(); poll(); } });
setInterval(showStale, 1000);

setTheme(kept.get('theme'));
showCluster();
open();
