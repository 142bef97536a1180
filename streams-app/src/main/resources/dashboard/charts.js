// A stacked chart of accepted signals, and of rejected ones by reason, over the last hour.
import { h, number, rate, REASONS, words } from './dom.js';

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const OUTCOMES = ['accepted', ...REASONS];

/** The rates of the last two steps: a step that has just begun would look like a drop. */
export function ratesNow(history) {
  const steps = history.accepted.length;
  const step = history.step_seconds;
  const intoStep = Math.max(0, (Date.parse(history.at) - Date.parse(history.first_at)) / 1000 - (steps - 1) * step);
  const sum = (row) => (row[steps - 1] ?? 0) + (row[steps - 2] ?? 0);
  const seconds = (history.accepted[steps - 2] === null ? 0 : step) + intoStep || 1;
  const rejected = Object.values(history.rejected).reduce((all, row) => all + sum(row), 0);
  return { accepted: sum(history.accepted) / seconds, rejected: rejected / seconds };
}

export class Chart {
  constructor(label) {
    this.label = label;
    this.plotBox = h('div', { class: 'plot', role: 'img' });
    this.legend = h('ul', { class: 'legend' });
    this.note = h('p', { class: 'hint', hidden: true });
    this.element = h('div', { class: 'chart' }, this.plotBox, this.legend, this.note);
    this.resized = new ResizeObserver(() => this.#resize());
    this.resized.observe(this.plotBox);
  }

  /**
   * @param limit signals per second, now; or null
   * @param limitSince the time in ms of the change that set it: the line begins there; null if it is not known
   */
  show(history, limit = null, limitSince = null) {
    this.history = history;
    this.limit = limit;
    this.limitSince = limitSince;
    const steps = history.accepted.length - 1; // the last one is incomplete
    const seen = history.accepted.findIndex((count) => count !== null);
    // Do not show a short history as an empty hour: show at least ten minutes.
    const skip = Math.max(0, Math.min(seen < 0 ? steps : seen, steps - 600 / history.step_seconds));
    const first = Date.parse(history.first_at) / 1000;
    const xs = Array.from({ length: steps - skip }, (_, i) => first + (skip + i) * history.step_seconds);
    const rows = OUTCOMES.map((name) => [name, (name === 'accepted' ? history.accepted : history.rejected[name]) ?? []])
      .filter(([name, row]) => name === 'accepted' || row.some((count) => count > 0));
    let below = xs.map(() => 0);
    const stacked = rows.map(([, row]) => {
      below = below.map((sum, i) => ((row[skip + i] ?? null) === null ? null : (sum ?? 0) + row[skip + i] / history.step_seconds));
      return below;
    });
    const names = rows.map(([name]) => name);
    const key = `${names.join()}|${limit !== null}|${document.documentElement.dataset.theme}|${css('--ink')}`;
    const data = [xs, ...stacked.reverse()];
    // The line has at least two points, so that a limit which has just changed is visible.
    const limitFrom = limitSince === null ? 0 : Math.min(xs.findLastIndex((at) => at <= limitSince / 1000), xs.length - 2);
    if (limit !== null) data.push(xs.map((_, i) => (i < limitFrom ? null : limit)));
    if (key !== this.key) {
      this.key = key;
      this.plot?.destroy();
      this.plot = new window.uPlot(this.#options(names), data, this.plotBox);
    } else {
      this.plot.setData(data);
    }
    this.#describe(rows, limit);
    this.note.hidden = !history.instances_silent;
    this.note.textContent = `${history.instances_silent === 1 ? '1 instance' : `${number(history.instances_silent)} instances`} did not answer; some data is missing.`;
  }

  #options(names) {
    const axis = { stroke: css('--muted'), grid: { stroke: css('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
    const series = [...names].reverse().map((name) => ({
      label: words(name), stroke: css(`--c-${name}`), fill: css(`--c-${name}`), width: 1, points: { show: false },
    }));
    if (this.limit !== null) series.push({ label: 'limit now', stroke: css('--ink'), width: 2, dash: [6, 4], points: { show: false } });
    return {
      width: Math.max(200, this.plotBox.clientWidth), height: 220, legend: { show: false }, cursor: { show: false },
      series: [{}, ...series],
      scales: { y: { range: (_, min, max) => [0, Math.max(1, max * 1.08)] } },
      axes: [{ ...axis, space: 90, incrs: [60, 120, 300, 600, 900], values: (_, at) => at.map((s) => new Date(s * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })) },
        { ...axis, size: 62, values: (_, at) => at.map((v) => rate(v)) }],
    };
  }

  #describe(rows, limit) {
    const sums = rows.map(([name, row]) => [name, row.reduce((all, count) => all + (count ?? 0), 0)]);
    this.legend.replaceChildren(...sums.map(([name, sum]) => h('li', {},
      h('span', { class: `swatch c-${name}` }), words(name), h('b', {}, number(sum)))),
    limit === null ? '' : h('li', {}, h('span', { class: 'swatch limit' }), 'limit now', h('b', {}, rate(limit))));
    this.plotBox.setAttribute('aria-label', `${this.label}, last hour: ${sums.map(([name, sum]) => `${words(name)} ${number(sum)}`).join(', ')}`);
  }

  #resize() {
    if (this.plot) this.plot.setSize({ width: Math.max(200, this.plotBox.clientWidth), height: 220 });
  }

  redraw() {
    if (this.history) this.show(this.history, this.limit, this.limitSince);
  }

  close() {
    this.resized.disconnect();
    this.plot?.destroy();
  }
}
