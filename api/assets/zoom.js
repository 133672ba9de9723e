// A chart that one can zoom, in place of the one that the server drew: all periods there are, the address says which are shown.
(() => {
  "use strict";
  const box = document.querySelector("[data-zoom]");
  if (!box || !window.uPlot) return;
  const { kpi, grain, segment, definition, asOf, from, to, compare, factor, before, after, point, group } = box.dataset;
  const DAY = 86400;
  // Of a period, and in pixels at most.
  const [BAR, BAR_MAX] = [0.64, 48];
  const PERIODS_MAX = { day: 800, week: 520, month: 120, quarter: 40 }[grain];
  const DAYS = { day: 1, week: 7, month: 30.4, quarter: 91.3 }[grain];
  const seconds = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;
  const dayOf = (time) => new Date(time * 1000).toISOString().slice(0, 10);
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  let chart, data, names, edges, targets, better;
  let range = [seconds(from), seconds(to) + DAY];
  let step = 1;

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

  function next(time) {
    const start = new Date(time * 1000);
    const months = { month: 1, quarter: 3 }[grain];
    return months ? Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + months, 1) / 1000 : time + DAYS * DAY;
  }

  // On the axis and in full, as the server writes them.
  function named(time) {
    const start = new Date(time * 1000);
    const [day, month, year] = [start.getUTCDate(), MONTHS[start.getUTCMonth()], start.getUTCFullYear()];
    const short = month.slice(0, 3);
    if (grain === "month") return [`${short} ${String(year).slice(2)}`, `${month} ${year}`];
    if (grain === "quarter") return Array(2).fill(`Q${start.getUTCMonth() / 3 + 1} ${year}`);
    if (grain === "day") return [`${day} ${short}`, `${day} ${short} ${year}`];
    // A week belongs to the year of its Thursday.
    const thursday = new Date((time + 3 * DAY) * 1000);
    const week = 1 + Math.floor((thursday - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / (7 * DAY * 1000));
    return [`W${String(week).padStart(2, "0")}`, `Week ${week}, from ${day} ${short} ${year}`];
  }

  // A day is compared with the same day of the week.
  function aYearBefore(time) {
    const start = new Date(time * 1000);
    if (grain === "day" || grain === "week") return time - 364 * DAY;
    return Date.UTC(start.getUTCFullYear() - 1, start.getUTCMonth(), 1) / 1000;
  }

  function painted({ ctx, bbox }, color, alpha, paint) {
    ctx.save();
    ctx.fillStyle = color;
    ctx.globalAlpha = alpha;
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    paint(ctx, bbox);
    ctx.restore();
  }

  // Where a value is as it should be.
  const band = (chart, color) => painted(chart, color, 0.07, (ctx, bbox) => {
    targets.forEach((target, place) => {
      if (target == null) return;
      const near = Math.abs(target) / 10;
      const [least, most] = { higher: [target, Infinity], lower: [-Infinity, target] }[better] ?? [target - near, target + near];
      const y = (value, edge) => (Number.isFinite(value) ? chart.valToPos(value, "y", true) : edge);
      const [top, bottom] = [y(most, bbox.top), y(least, bbox.top + bbox.height)];
      const [left, right] = edges[place].map((time) => chart.valToPos(time, "x", true));
      ctx.fillRect(left, top, right - left, bottom - top);
    });
  });

  // What is nothing, or nearly, is a line on the axis: it is not the same as no data.
  const slivers = (chart, color) => painted(chart, color, 1, (ctx) => {
    const [base, height] = [chart.valToPos(0, "y", true), 2 * devicePixelRatio];
    edges.forEach((period, place) => {
      const value = data[1][place] ?? data[2][place];
      if (value == null || Math.abs(chart.valToPos(value, "y", true) - base) >= height) return;
      const [left, right] = period.map((time) => chart.valToPos(time, "x", true));
      const width = Math.min(BAR * (right - left), BAR_MAX * devicePixelRatio);
      ctx.fillRect((left + right - width) / 2, value < 0 ? base : base - height, width, height);
    });
  });

  // With as many digits as values beside one another need, in the server's way of writing.
  function written(value, values) {
    const most = Math.max(...values.map((one) => Math.abs(one ?? 0) * factor));
    const isWhole = values.every((one) => one == null || Math.abs(Math.round(one * factor) - one * factor) < 1e-9);
    const isNearlyAll = values.some((one) => one > 0.99 && one < 1);
    const ofShares = isNearlyAll ? 2 : 1;
    const places = isWhole ? 0 : factor === "100" ? ofShares : most >= 100 ? 0 : most >= 10 ? 1 : 2;
    const [whole, part] = Math.abs(value * factor).toFixed(places).split(".");
    const digits = whole.replace(/\B(?=(\d{3})+$)/g, group) + (part ? point + part : "");
    return `${value < 0 && Number(digits.replace(/\D/g, "")) ? "−" : ""}${before}${digits}${after}`;
  }

  // From a round number to another, with zero, as the server draws it: no bar goes beyond the highest line.
  function rounded(least, most) {
    [least, most] = [Math.min(least ?? 0, 0), Math.max(most ?? 1, 0)];
    if (least === most) most = least + 1;
    step = 10 ** Math.floor(Math.log10((most - least) / 4));
    for (const times of [2, 2.5, 2]) if ((most - least) / step > 6) step *= times;
    return [Math.floor(least / step) * step, Math.ceil(most / step) * step];
  }

  function lines(_, __, least, most) {
    const count = Math.round((most - least) / step);
    return Array.from({ length: count + 1 }, (_, place) => (Math.round(least / step) + place) * step);
  }

  async function load() {
    const until = asOf || dayOf(Date.now() / 1000);
    const earliest = dayOf(seconds(until) - (PERIODS_MAX - 1) * DAYS * DAY);
    const query = new URLSearchParams({ grain, from: earliest < from ? earliest : from, limit: 1000, since: false });
    for (const [name, value] of [["segment", segment], ["definition", definition], ["as_of", asOf]]) if (value) query.set(name, value);
    const answer = await fetch(`/v1/kpis/${kpi}?${query}`, { headers: { accept: "application/json" } });
    if (!answer.ok) return false;
    const series = await answer.json();
    better = series.kpi.better;
    const known = new Map(series.data.map((figure) => [starts(figure.period), figure]));
    const times = [...known.keys()].sort((one, other) => one - other);
    const pick = (of) => times.map((time) => of(known.get(time)));
    names = times.map(named);
    edges = times.map((time) => [time, next(time)]);
    targets = pick((figure) => figure.target ?? null);
    data = [
      edges.map(([start, end]) => (start + end) / 2),
      pick((figure) => (figure.partial ? null : figure.value)),
      pick((figure) => (figure.partial ? figure.value : null)),
    ];
    if (targets.some((target) => target != null)) data.push(targets);
    if (compare === "year") data.push(times.map((time) => known.get(aYearBefore(time))?.value ?? null));
    return times.length > 1;
  }

  function draw() {
    chart?.destroy();
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    // Nothing until somebody points at a period.
    const told = (drawn, value, place) => (value == null ? "" : written(value, drawn.data[place]));
    const axis = { stroke: color("--ink-2"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
    const bars = uPlot.paths.bars({ size: [BAR, BAR_MAX] });
    const bar = (label, fill, width) => ({ label, fill, stroke: color("--accent"), width, paths: bars, points: { show: false }, value: told });
    chart = new uPlot({
      width: box.querySelector(".canvas").clientWidth,
      height: 300,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      scales: { x: { min: range[0], max: range[1] }, y: { range: (_, least, most) => rounded(least, most) } },
      axes: [
        { ...axis, size: 28, grid: { show: false }, splits: middles, values: (_, times) => times.map((time) => names[data[0].indexOf(time)]?.[0]) },
        { ...axis, size: 76, splits: lines, values: (_, ticks) => ticks.map((tick) => written(tick, ticks)) },
      ],
      series: [
        { label: "\u00a0", value: (_, time) => names[data[0].indexOf(time)]?.[1] ?? "" },
        bar("Value", color("--accent"), 0),
        bar("So far", color("--accent-soft"), 1),
        ...(data.includes(targets) ? [{ label: "Target", stroke: color("--ink"), dash: [4, 3], width: 1.5, points: { show: false }, value: told }] : []),
        ...(compare === "year" ? [{ label: "A year before", stroke: color("--amber"), width: 1.5, points: { size: 4 }, value: told }] : []),
      ],
      hooks: { drawAxes: [(drawn) => band(drawn, color("--good"))], draw: [(drawn) => slivers(drawn, color("--accent"))], setScale: [(_, scale) => scale === "x" && moved()] },
    }, data, box.querySelector(".canvas"));
  }

  // The periods that are named: as many as there is room for, counted from the newest.
  function middles(drawn, _, least, most) {
    const shown = data[0].filter((time) => time >= least && time <= most);
    const each = Math.ceil((shown.length * 64) / Math.max(drawn.bbox.width / devicePixelRatio, 64));
    return shown.filter((_, place) => (shown.length - 1 - place) % each === 0);
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
    // Nobody asked for the time before the data.
    if (!new URLSearchParams(location.search).has("from")) range[0] = Math.max(range[0], edges[0][0]);
    draw();
    box.addEventListener("click", (event) => event.target.dataset?.how && zoom(event.target.dataset.how));
    new ResizeObserver(() => chart.setSize({ width: box.querySelector(".canvas").clientWidth, height: 300 })).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    document.addEventListener("renewed", async () => (await load()) && chart.setData(data, false));
  }, () => {
    // The chart that the server drew stays.
  });
})();
