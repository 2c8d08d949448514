// The script of index.html: item browser with players, and readouts on the training curves. It only ever
// puts data into the page as text nodes.
#include "eval/report_page.h"

namespace linvox {

const char* page_script() {
    return R"js(
(() => {
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);
const PAGE = 60;
const make = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== false && value != null) node.setAttribute(name, value === true ? '' : value);
  node.append(...children.filter(child => child != null));
  return node;
};
const decimals = {'%': 1, LUFS: 1, LU: 1, dBFS: 1, 'char/s': 1, dB: 2, s: 2, st: 2, Hz: 0, cents: 0};
const number = (value, unit) =>
  value.toFixed(unit in decimals ? decimals[unit] : Math.abs(value) >= 10 ? 2 : 3).replace('-', '\u2212');
const clock = seconds => seconds.toFixed(2) + ' s';

// --- the table -----------------------------------------------------------------------------------
const headline = data.metrics.map((m, i) => i).filter(i => data.metrics[i].headline);
const state = {metric: headline[0] ?? 0, system: data.focus, limit: PAGE, open: null};
const valueOf = (item, system, metric) => item.a[system] ? item.a[system].v[metric] : null;
const isFailure = value => typeof value === 'string' && value !== 'not_applicable';
const ranked = data.systems.map((s, i) => i).filter(i => !data.systems[i].ceiling);

// Larger is worse: what the list is sorted by. Failures come first.
function badness(item) {
  const systems = state.system == null ? ranked : [state.system];
  const better = data.metrics[state.metric].better;
  let sum = 0, count = 0;
  for (const s of systems) {
    const value = valueOf(item, s, state.metric);
    if (isFailure(value)) return Infinity;
    if (typeof value !== 'number') continue;
    sum += better === 'up' ? -value : better === 'near_one' ? Math.abs(value - 1) : value;
    count++;
  }
  return count ? sum / count : -Infinity;
}
const hasAudio = item => item.a.some(a => a && a.u);
const hasFailure = item => item.a.some(a => a && a.v.some(isFailure));

function chosenItems() {
  const find = $('find').value.trim().toLowerCase();
  return data.items
    .filter(item => (!find || (item.id + ' ' + item.text).toLowerCase().includes(find)) &&
                    (!$('playable').checked || hasAudio(item)) && (!$('failed').checked || hasFailure(item)))
    .map(item => [badness(item), item]).sort((a, b) => b[0] - a[0] || (a[1].id < b[1].id ? -1 : 1)).map(p => p[1]);
}

// Yes or no is read faster as a mark than as a number.
const shownValue = (value, metric) =>
  metric.proportion && (value === 0 || value === 1) ? (value ? '\u2713' : '\u2717') : number(value, metric.unit);
function valueCell(value, metric) {
  if (typeof value === 'number') return make('td', {class: 'v'}, shownValue(value, metric));
  if (isFailure(value)) return make('td', {class: 'v null'}, value.replaceAll('_', ' '));
  return make('td', {class: 'v na', title: value ? 'does not apply' : 'not scored'}, '\u2013');
}

function draw() {
  const metric = data.metrics[state.metric];
  const [head, body] = [$('items').tHead, $('items').tBodies[0]];
  head.replaceChildren(make('tr', {}, make('th', {scope: 'col'}, 'item'), make('th', {scope: 'col'}, 'text'),
    ...data.systems.map(s => make('th', {scope: 'col'}, make('i', {class: 'dot ' + s.css}), s.label))));
  const items = chosenItems();
  body.replaceChildren(...items.slice(0, state.limit).map(item => {
    const button = make('button', {type: 'button', class: 'open-item', 'aria-expanded': 'false'}, item.id);
    const row = make('tr', {class: 'row'},
      make('td', {}, hasAudio(item) ? make('span', {class: 'sound', title: 'has audio'}, '\u25b6') : null, button),
      make('td', {class: 'text'}, item.text),
      ...data.systems.map((s, i) => valueCell(valueOf(item, i, state.metric), metric)));
    row.addEventListener('click', () => toggle(item, row, button));
    if (state.open === item) toggle(item, row, button, true);
    return row;
  }));
  if (state.open && !items.slice(0, state.limit).includes(state.open)) close();
  $('shown').textContent = `${Math.min(items.length, state.limit)} of ${items.length} items` +
    (metric.unit ? `, ${metric.label} in ${metric.unit}` : `, ${metric.label}`);
  $('more').hidden = items.length <= state.limit;
}

// --- one item -------------------------------------------------------------------------------------
let player = null;  // {voices, current, frame}
function close() {
  if (player) { cancelAnimationFrame(player.frame); player.voices.forEach(v => v.audio && v.audio.pause()); }
  document.querySelectorAll('tr.detail').forEach(row => row.remove());
  document.querySelectorAll('tr.open').forEach(row => {
    row.classList.remove('open');
    row.querySelector('.open-item').setAttribute('aria-expanded', 'false');
  });
  player = null;
  state.open = null;
}
function toggle(item, row, button, redraw) {
  const same = state.open === item && !redraw;
  close();
  if (same) return;
  state.open = item;
  row.classList.add('open');
  button.setAttribute('aria-expanded', 'true');
  const detail = make('tr', {class: 'detail'}, make('td', {colspan: data.systems.length + 2}, view(item)));
  if (row.parentNode) row.after(detail); else queueMicrotask(() => row.after(detail));
}

function words(edits) {
  if (!edits) return null;
  const line = make('p', {class: 'words', 'aria-label': 'heard'});
  if (!edits.some(e => e[0] !== 'D')) line.append(make('em', {}, 'nothing recognised '));
  for (const [kind, reference, heard] of edits) {
    if (kind === '=') line.append(make('span', {}, reference), ' ');
    if (kind === 'S') line.append(make('span', {class: 'S', title: 'substitution'}, make('s', {}, reference), heard), ' ');
    if (kind === 'D') line.append(make('span', {class: 'D', title: 'deletion'}, reference), ' ');
    if (kind === 'I') line.append(make('span', {class: 'I', title: 'insertion'}, heard), ' ');
  }
  return line;
}

// F0 on its own logarithmic axis, 60 to 500 Hz, over the whole height.
const LOW = 60, HIGH = 500, heightOf = hz => 100 * (1 - Math.log(hz / LOW) / Math.log(HIGH / LOW));
function pitch(track, seconds) {
  const NS = 'http://www.w3.org/2000/svg', svg = document.createElementNS(NS, 'svg');
  const [start, step, hz] = track;
  let path = '', joined = false;
  hz.forEach((f, i) => {
    if (f > 0) path += (joined ? 'L' : 'M') + (100 * (start + i * step) / seconds).toFixed(2) + ' ' + heightOf(f).toFixed(1);
    joined = f > 0;
  });
  const line = document.createElementNS(NS, 'path');
  line.setAttribute('d', path);
  line.setAttribute('class', 'f0');
  svg.setAttribute('viewBox', '0 0 100 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(line);
  return svg;
}

function voice(answer, index, longest) {
  const system = data.systems[index];
  const head = make('div', {class: 'head'},
    make('span', {class: 'name'}, index < 9 ? make('kbd', {}, index + 1) : null, make('i', {class: 'dot ' + system.css}),
      system.label));
  const body = make('div', {});
  const box = make('div', {class: 'voice'}, head, body);
  const me = {box, audio: null, now: null, seconds: answer.s || 0, index};
  if (answer.u) {
    me.audio = make('audio', {src: answer.u, preload: 'auto'});
    me.button = make('button', {type: 'button', class: 'play', 'aria-label': 'play ' + system.label}, 'Play');
    me.button.addEventListener('click', event => { event.stopPropagation(); press(index); });
    me.audio.addEventListener('ended', () => { if (player) { player.current = null; mark(); } });
    head.append(me.button);
  }
  const small = [answer.s ? clock(answer.s) : null, answer.f || null].filter(Boolean).join(' \u00b7 ');
  if (small) head.append(make('span', {class: 'small'}, small));
  if (answer.g) {
    me.now = make('div', {class: 'now', hidden: true});
    me.canvas = make('div', {class: 'canvas', style: `width:${(100 * me.seconds / longest).toFixed(2)}%`},
      make('img', {src: answer.g, alt: 'log-mel spectrogram of ' + system.label}),
      answer.p ? pitch(answer.p, me.seconds) : null, me.now,
      answer.p ? make('span', {class: 'scale', style: 'top:4px'}, HIGH + ' Hz') : null,
      answer.p ? make('span', {class: 'scale', style: 'bottom:4px'}, LOW + ' Hz') : null);
    me.canvas.addEventListener('click', event => {
      event.stopPropagation();
      const area = me.canvas.getBoundingClientRect();
      play(index, me.seconds * (event.clientX - area.left) / area.width);
    });
    body.append(me.canvas);
  }
  body.append(words(answer.t) || '');
  if (answer.r != null) body.append(make('pre', {class: 'response'}, answer.r));
  const values = make('div', {class: 'values'});
  data.metrics.forEach((metric, m) => {
    const value = answer.v[m];
    if (value == null || value === 'not_applicable') return;
    const shown = typeof value === 'number' ? shownValue(value, metric) + (metric.unit ? ' ' + metric.unit : '')
                                            : value.replaceAll('_', ' ');
    values.append(make('span', {class: typeof value === 'number' ? null : 'null', title: metric.id}, metric.label + ' ',
      make('b', {}, shown)));
  });
  body.append(values);
  return me;
}

function view(item) {
  const longest = Math.max(0.01, ...item.a.map(a => a && a.s || 0));
  const voices = item.a.map((answer, i) => answer ? voice(answer, i, longest) : {audio: null, box: null});
  player = {voices, current: null, last: null, frame: 0};
  const box = make('div', {class: 'view'}, make('p', {class: 'said'}, item.text), ...voices.map(v => v.box).filter(Boolean),
    item.a.some(a => a && (a.t || a.g)) && make('p', {class: 'key-line words'}, make('span', {class: 'S'}, 'substituted'), make('span', {class: 'D'}, 'left out'),
      make('span', {class: 'I'}, 'added'), ' Turquoise: F0, 60 to 500 Hz. One colour scale and one time scale for all systems.') || '');
  box.addEventListener('click', event => event.stopPropagation());
  return box;
}

function mark() {
  if (!player) return;
  player.voices.forEach((v, i) => {
    if (!v.box) return;
    v.box.classList.toggle('on', i === player.current);
    if (v.button) v.button.textContent = i === player.current ? 'Pause' : 'Play';
  });
}
function follow() {
  if (!player || player.current == null) return;
  const time = player.voices[player.current].audio.currentTime;
  for (const v of player.voices) if (v.now) {
    v.now.hidden = false;
    v.now.style.left = Math.min(100, 100 * time / v.seconds) + '%';
  }
  player.frame = requestAnimationFrame(follow);
}
function play(index, time) {
  const voice = player && player.voices[index];
  if (!voice || !voice.audio) return;
  if (player.current != null && player.current !== index) player.voices[player.current].audio.pause();
  if (time != null) voice.audio.currentTime = Math.min(time, voice.audio.duration || time);
  player.current = player.last = index;
  voice.audio.play().catch(() => {});
  mark();
  cancelAnimationFrame(player.frame);
  follow();
}
function press(index) {
  if (!player) return;
  if (player.current === index) {
    player.voices[index].audio.pause();
    player.current = null;
    cancelAnimationFrame(player.frame);
    return mark();
  }
  const running = player.current == null ? null : player.voices[player.current].audio.currentTime;
  play(index, running);
}
document.addEventListener('keydown', event => {
  if (!player || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (/^[1-9]$/.test(event.key)) {
    const index = +event.key - 1;
    if (player.current !== index) press(index);
  } else if (event.key === ' ' && event.target.tagName !== 'BUTTON') {
    event.preventDefault();
    const index = player.current ?? player.last ?? player.voices.findIndex(v => v.audio);
    if (index >= 0) press(index);
  } else if (event.key === 'Escape') close();
});

// --- controls --------------------------------------------------------------------------------------
data.metrics.forEach((m, i) => $('metric').append(new Option(m.label + (m.headline ? '' : ' (' + m.id + ')'), i, false,
  i === state.metric)));
$('system').append(new Option('all models', ''));
data.systems.forEach((s, i) => $('system').append(new Option(s.label, i, false, i === state.system)));
const again = () => { state.limit = PAGE; draw(); };
$('metric').addEventListener('change', () => { state.metric = +$('metric').value; again(); });
$('system').addEventListener('change', () => { state.system = $('system').value === '' ? null : +$('system').value; again(); });
for (const id of ['find', 'playable', 'failed']) $(id).addEventListener('input', again);
if (!data.items.some(hasAudio)) $('playable').closest('label').hidden = true;
$('controls').addEventListener('submit', event => event.preventDefault());
$('more').addEventListener('click', () => { state.limit += 4 * PAGE; draw(); });
draw();
const wanted = decodeURIComponent(location.hash.slice(1));
if (wanted.startsWith('item=')) {
  const id = wanted.slice(5);
  $('find').value = id;
  draw();
  const button = [...document.querySelectorAll('.open-item')].find(b => b.textContent === id);
  if (button) { button.click(); button.scrollIntoView({block: 'start'}); }
}

// --- readouts on curves ------------------------------------------------------------------------------
const tip = $('tip');
for (const chart of document.querySelectorAll('svg.curve')) {
  const series = JSON.parse(chart.dataset.values);
  const [left, width, low, high] = chart.dataset.frame.split(' ').map(Number);
  const labels = [...chart.querySelectorAll('g[data-label]')].map(g => g.dataset.label);
  const cursor = chart.querySelector('.cursor');
  const move = event => {
    const area = chart.getBoundingClientRect();
    const x = (event.clientX - area.left) * 420 / area.width;
    const step = low + (high - low) * Math.min(1, Math.max(0, (x - left) / width));
    const lines = series.map(([steps, values], i) => {
      let best = 0;
      steps.forEach((s, j) => { if (Math.abs(s - step) < Math.abs(steps[best] - step)) best = j; });
      return labels[i] + '  ' + (+values[best].toPrecision(4));
    });
    tip.textContent = 'step ' + Math.round(step) + '\n' + lines.join('\n');
    tip.hidden = false;
    const at = left + width * (step - low) / (high - low);
    cursor.setAttribute('x1', at);
    cursor.setAttribute('x2', at);
    cursor.setAttribute('visibility', 'visible');
    tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 10)) + 'px';
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + 'px';
  };
  chart.addEventListener('pointermove', move);
  chart.addEventListener('pointerleave', () => { tip.hidden = true; cursor.setAttribute('visibility', 'hidden'); });
}
})();
)js";
}

}  // namespace linvox
