// A chart that one can zoom, in place of the one that the server drew: all periods there are, the address says which are shown.
(() => {
  "use strict";
  const box = document.querySelector("[data-zoom]");
  if (!box || !window.uPlot) return;
  const { kpi, grain, segment, definition, asOf, from, to, compare } = box.dataset;
  const DAY = 86400;
  const PERIODS_MAX = { day: 800, week: 520, month: 120, quarter: 40 }[grain];
  const DAYS = { day: 1, week: 7, month: 30.4, quarter: 91.3 }[grain];
  const seconds = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;
  const dayOf = (time) => new Date(time * 1000).toISOString().slice(0, 10);
  const HALF = (DAYS * DAY) / 2;
  let chart, data, format, better;
  let range = [seconds(from), seconds(to) + DAY];

  function starts(period) {
    const [year, rest] = [Number(period.slice(0, 4)), period.slice(5)];
    if (rest.startsWith("Q")) return Date.UTC(year, 3 * (Number(rest[1]) - 1)) / 1000;
    if (rest.startsWith("W")) {
      // The week of 4 January is the first.
      const fourth = new Date(Date.UTC(year, 0, 4));
      return Date.UTC(year, 0, 4 - ((fourth.getUTCDay() + 6) % 7) + 7 * (Number(rest.slice(1)) - 1)) / 1000;
    }
    return seconds(rest.length === 2 ? `${period}-01` : period);
  }

  // A day is compared with the same day of the week.
  function aYearBefore(time) {
    const start = new Date(time * 1000);
    if (grain === "day" || grain === "week") return time - 364 * DAY;
    return Date.UTC(start.getUTCFullYear() - 1, start.getUTCMonth(), 1) / 1000;
  }

  // Where a value is as it should be.
  function band(chart, color) {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.fillStyle = color;
    ctx.globalAlpha = 0.07;
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    data[3].forEach((target, place) => {
      if (target == null) return;
      const near = Math.abs(target) / 10;
      const [least, most] = { higher: [target, Infinity], lower: [-Infinity, target] }[better] ?? [target - near, target + near];
      const y = (value, edge) => (Number.isFinite(value) ? chart.valToPos(value, "y", true) : edge);
      const [top, bottom] = [y(most, bbox.top), y(least, bbox.top + bbox.height)];
      const start = data[0][place] - HALF;
      const next = Math.min((data[0][place + 1] ?? Infinity) - HALF, start + 1.03 * DAYS * DAY);
      const [left, right] = [start, next].map((time) => chart.valToPos(time, "x", true));
      ctx.fillRect(left, top, right - left, bottom - top);
    });
    ctx.restore();
  }

  function formatFor(unit, currency) {
    const number = (options) => new Intl.NumberFormat(undefined, options);
    if (unit === "ratio") return number({ style: "percent", maximumFractionDigits: 1 });
    if (unit === "money") return number({ style: "currency", currency, maximumFractionDigits: 0 });
    return number({ maximumFractionDigits: 2 });
  }

  async function load() {
    const until = asOf || dayOf(Date.now() / 1000);
    const earliest = dayOf(seconds(until) - (PERIODS_MAX - 1) * DAYS * DAY);
    const query = new URLSearchParams({ grain, from: earliest < from ? earliest : from, limit: 1000 });
    for (const [name, value] of [["segment", segment], ["definition", definition], ["as_of", asOf]]) if (value) query.set(name, value);
    const answer = await fetch(`/v1/kpis/${kpi}?${query}`, { headers: { accept: "application/json" } });
    if (!answer.ok) return false;
    const series = await answer.json();
    format = formatFor(series.kpi.unit, series.currency || "USD");
    better = series.kpi.better;
    const known = new Map(series.data.map((figure) => [starts(figure.period), figure]));
    const times = [...known.keys()].sort((one, other) => one - other);
    const pick = (of) => times.map((time) => of(known.get(time)));
    data = [
      times.map((time) => time + HALF),
      pick((figure) => (figure.partial ? null : figure.value)),
      pick((figure) => (figure.partial ? figure.value : null)),
      pick((figure) => figure.target),
    ];
    if (compare === "year") data.push(times.map((time) => known.get(aYearBefore(time))?.value ?? null));
    return times.length > 1;
  }

  function draw() {
    chart?.destroy();
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const told = (_, value) => (value == null ? "–" : format.format(value));
    const axis = { stroke: color("--ink-2"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
    const bars = uPlot.paths.bars({ size: [0.64, 48] });
    const bar = (label, fill) => ({ label, fill, stroke: fill, width: 0, paths: bars, points: { show: false }, value: told });
    chart = new uPlot({
      width: box.querySelector(".canvas").clientWidth,
      height: 300,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      scales: { x: { min: range[0], max: range[1] }, y: { range: (_, least, most) => uPlot.rangeNum(Math.min(least ?? 0, 0), Math.max(most ?? 1, 0), 0.08, true) } },
      axes: [{ ...axis, grid: { show: false }, values: names }, { ...axis, size: 76, values: (_, ticks) => ticks.map((tick) => format.format(tick)) }],
      series: [
        { label: "Period from", value: (_, time) => (time == null ? "–" : dayOf(time - HALF)) },
        bar("Value", color("--accent")),
        bar("So far", color("--accent-soft")),
        { label: "Target", stroke: color("--ink"), dash: [4, 3], width: 1.5, points: { show: false }, value: told },
        ...(compare === "year" ? [{ label: "A year before", stroke: color("--amber"), width: 1.5, points: { size: 4 }, value: told }] : []),
      ],
      hooks: { drawAxes: [(drawn) => band(drawn, color("--good"))], setScale: [(_, scale) => scale === "x" && moved()] },
    }, data, box.querySelector(".canvas"));
  }

  // Days by their day and month, longer stretches by month and year; UTC, as everything here.
  function names(_, times, axis, space, step) {
    const options = step >= 27 * DAY ? { month: "short", year: "2-digit" } : { day: "numeric", month: "short" };
    const name = new Intl.DateTimeFormat(document.documentElement.lang, { ...options, timeZone: "UTC" });
    return times.map((time) => name.format(time * 1000));
  }

  let remembers;
  function moved() {
    const { min, max } = chart?.scales.x ?? {};
    if (min == null || (min === range[0] && max === range[1])) return;
    range = [min, max];
    clearTimeout(remembers);
    remembers = setTimeout(() => {
      const [first, last] = [dayOf(min), dayOf(max - 1)];
      const address = new URL(location.href);
      address.searchParams.set("from", first);
      address.searchParams.set("to", last);
      history.replaceState(null, "", address);
      box.querySelector("[role=status]").textContent = `Shown: ${first} to ${last}`;
    }, 150);
  }

  function zoom(how) {
    const { min, max } = chart.scales.x;
    const [whole, least] = [[data[0][0] - DAYS * DAY, data[0].at(-1) + DAYS * DAY], 2 * DAYS * DAY];
    const width = max - min;
    const to = {
      in: width / 2 > least ? [min + width / 4, max - width / 4] : [min, max],
      out: [Math.max(min - width / 2, whole[0]), Math.min(max + width / 2, whole[1])],
      earlier: [Math.max(min - width / 2, whole[0]), Math.max(min - width / 2, whole[0]) + width],
      later: [Math.min(max + width / 2, whole[1]) - width, Math.min(max + width / 2, whole[1])],
      all: whole,
    }[how];
    chart.setScale("x", { min: to[0], max: to[1] });
  }

  load().then((isEnough) => {
    if (!isEnough) return;
    box.hidden = false;
    box.closest(".plot").classList.add("zoomable");
    draw();
    box.addEventListener("click", (event) => event.target.dataset?.how && zoom(event.target.dataset.how));
    new ResizeObserver(() => chart.setSize({ width: box.querySelector(".canvas").clientWidth, height: 300 })).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    document.addEventListener("renewed", async () => (await load()) && chart.setData(data, false));
  }, () => {
    // The chart that the server drew stays.
  });
})();
