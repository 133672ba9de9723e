// The north star's page. Whoever has signed in is known by a cookie that no script reads.
// Figures come by /v1/stream; what changes more slowly (days, stages) is asked for when they do.
"use strict";

(() => {
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const KINDS = [
    ["interaction", "Interactions"],
    ["content_access", "Content accesses"],
    ["conversion", "Conversions"],
    ["view", "Views"],
  ];
  const DETAILS_EACH_MS = 5_000;
  const RETRY_MAX_MS = 15_000;

  const at = (id) => document.getElementById(id);
  const whole = new Intl.NumberFormat("en");
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const count = (number) => whole.format(number);
  const short = (number) => compact.format(number).replace(/[KMB]$/, (unit) => " " + (unit === "K" ? "k" : unit));
  const percent = (share) => {
    const value = share * 100;
    const digits = value !== 0 && Math.abs(value) < 10 ? 1 : 0;
    return `${value.toFixed(digits)} %`;
  };
  const monthOf = (period) => MONTHS[Number(period.slice(5, 7)) - 1];
  const monthAndYear = (period) => `${monthOf(period)} ${period.slice(0, 4)}`;

  let figures = null;
  let standing = null;
  let days = null;
  let freshness = null;
  let detailsAt = 0;
  let detailsDue = null;
  let picked = null;

  function signIn() {
    location.assign(`/dashboards/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }

  // Asking

  class Refused extends Error {
    constructor(problem) {
      super(problem.detail || problem.title || "The server refused.");
      this.problem = problem;
    }
  }

  async function ask(path, accept, signal) {
    const answer = await fetch(path, { headers: { Accept: accept }, cache: "no-store", signal });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({ status: answer.status, title: `The server answered ${answer.status}.` }));
    throw new Refused(problem);
  }

  async function askJson(path) {
    return (await ask(path, "application/json")).json();
  }

  async function follow() {
    let wait = 1_000;
    for (;;) {
      try {
        const answer = await ask("/v1/stream", "text/event-stream");
        wait = 1_000;
        await read(answer.body);
      } catch (error) {
        if (error instanceof Refused && [401, 403].includes(error.problem.status)) return signIn();
        lost(error);
      }
      at("dashboard").dataset.state = "lost";
      setFreshness({ state: "lost" });
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 2, RETRY_MAX_MS);
    }
  }

  async function read(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      blocks.forEach(dispatch);
    }
  }

  function dispatch(block) {
    const field = (name) =>
      block.split("\n").filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart()).join("\n");
    const event = field("event");
    if (event === "north-star") {
      figures = JSON.parse(field("data"));
      freshness = figures.freshness;
      at("dashboard").dataset.state = "live";
      show(figures.data.length ? "figures" : "empty");
      render();
      askForDetails();
    } else if (event === "freshness") {
      freshness = JSON.parse(field("data"));
    }
    if (event) setFreshness(freshness);
  }

  // Days and stages: at once when something new came, then at most every few seconds.
  function askForDetails() {
    if (detailsDue || !figures.data.length) return;
    const wait = Math.max(0, detailsAt + DETAILS_EACH_MS - Date.now());
    detailsDue = setTimeout(async () => {
      detailsAt = Date.now();
      try {
        const newest = figures.data[figures.data.length - 1].period;
        const [days_, stages] = await Promise.all([askJson(`/v1/north-star?grain=day&from=${monthBefore(newest)}`), askJson("/v1/stages")]);
        [days, standing] = [days_.data, stages.data];
        render();
      } catch (error) {
        console.warn("days and stages come later:", error);
      } finally {
        detailsDue = null;
      }
    }, wait);
  }

  function monthBefore(period) {
    const [year, month] = period.split("-").map(Number);
    return month === 1 ? `${year - 1}-12` : `${year}-${String(month - 1).padStart(2, "0")}`;
  }

  // Showing

  function show(what) {
    at("empty").hidden = what !== "empty";
    at("figures").hidden = what !== "figures";
    at("problem").hidden = what !== "problem";
  }

  function lost(error) {
    if (figures) return; // what is there stays, and the freshness line says that it is old
    const problem = error.problem;
    at("problem-title").textContent = problem ? problem.title : "The server does not answer";
    at("problem-detail").textContent = problem ? sentence(problem.detail) : "It may be starting. This page tries again by itself.";
    show("problem");
  }

  function sentence(text) {
    if (!text) return "";
    const start = text[0].toUpperCase() + text.slice(1);
    return /[.!?]$/.test(start) ? start : `${start}.`;
  }

  function setFreshness(fresh) {
    if (!fresh) return;
    const time = fresh.as_of_recorded_at && new Date(fresh.as_of_recorded_at);
    const today = time && time.toDateString() === new Date().toDateString();
    const asOf = time ? `as of ${today ? time.toLocaleTimeString("en-GB") : time.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}` : "nothing recorded yet";
    const lag = fresh.lag_events ? `lag ${count(fresh.lag_events)} events, ${fresh.lag_seconds.toFixed(1)} s` : "lag 0";
    const texts = {
      live: `Live · ${asOf} · ${lag}`,
      behind: `Catching up · ${asOf} · ${lag}`,
      stopped: `Standing still: a projector cannot go on · ${asOf} · ${lag}`,
      unknown: `Waiting for the ledger · ${asOf}`,
      lost: "Connection lost · trying again",
    };
    at("freshness").dataset.state = fresh.state;
    setText("freshness-text", texts[fresh.state] || asOf);
  }

  function setText(id, text) {
    const element = at(id);
    if (element.textContent === text) return false;
    element.textContent = text;
    return true;
  }

  function setFigure(id, text) {
    const before = at(id).textContent;
    if (!setText(id, text) || before === "–") return;
    at(id).classList.remove("changed");
    void at(id).offsetWidth; // starts the animation anew
    at(id).classList.add("changed");
  }

  function change(now, before) {
    if (!before) return null;
    const share = now / before - 1;
    const sign = share > 0 ? "+" : share < 0 ? "−" : "±";
    const element = document.createElement("span");
    element.className = share > 0 ? "up" : share < 0 ? "down" : "";
    element.textContent = `${sign}${percent(Math.abs(share))}`;
    return element;
  }

  function fill(id, ...parts) {
    at(id).replaceChildren(...parts.filter((part) => part !== null && part !== undefined));
  }

  function render() {
    const all = figures.data;
    if (!all.length) {
      setText("empty-example", example());
      return;
    }
    const now = all[all.length - 1];
    const last = all[all.length - 2];
    const before = all[all.length - 3];

    setText("active-label", `${monthAndYear(now.period)}${now.partial ? ", so far" : ""}`);
    setFigure("active-now", count(now.active));
    fill("active-note", ...sameDays(now, last));
    setText("last-label", last ? `${monthAndYear(last.period)}, complete` : "Last complete month");
    setFigure("last-complete", last ? count(last.active) : "–");
    const grown = last && before ? change(last.active, before.active) : null;
    fill("last-note", ...(grown ? [grown, ` on ${monthOf(before.period)}`] : [last ? "The first month has nothing before it." : "The first month is not over."]));
    renderTarget(last || now);
    for (const [name, field] of [["users", "active_users"], ["capsules", "active_capsules"], ["sessions", "active_sessions"]]) {
      setFigure(`active-${name}`, count(now[field]));
      at(`spark-${name}`).replaceChildren(spark(all.map((month) => month[field])));
      setText(`${name}-note`, last ? `${count(last[field])} in ${monthOf(last.period)}` : "this month so far");
    }
    renderMix(now.total ? now : last || now);
    renderDays(now, last);
    renderChart(all);
    renderTable(all);
    if (standing) renderStages();
  }

  // The same whole days of both months: a month that has begun cannot be held against one that is over.
  function sameDays(now, last) {
    if (!now.partial || !last) return ["Updates by itself as events are projected."];
    const today = days && days.filter((day) => day.period.startsWith(now.period));
    const wholeDays = today ? today.length - 1 : 0;
    if (wholeDays < 1) return [`${count(last.active)} in all of ${monthOf(last.period)}`];
    const sum = (period) =>
      days.filter((day) => day.period.startsWith(period) && Number(day.period.slice(8)) <= wholeDays).reduce((total, day) => total + day.active, 0);
    const difference = change(sum(now.period), sum(last.period));
    if (!difference) return [`${count(last.active)} in all of ${monthOf(last.period)}`];
    const span = wholeDays === 1 ? "the first day" : `the first ${wholeDays} days`;
    return [difference, ` on ${span} of ${monthOf(last.period)}`];
  }

  function renderTarget(month) {
    if (!month.target) {
      setText("target-share", "–");
      setText("target-note", "The plan has no target for this month.");
      return;
    }
    setFigure("target-share", percent(month.active / month.target));
    const word = { reached: "reached:", missed: "of", in_progress: "so far of" }[month.status];
    setText("target-note", `${word} the ${count(month.target)} of ${monthOf(month.period)}'s stage`);
  }

  function renderMix(month) {
    const bar = document.createElement("div");
    bar.className = "mix-bar";
    bar.setAttribute("aria-hidden", "true");
    const list = document.createElement("ul");
    list.className = "mix-list";
    for (const [kind, name] of KINDS) {
      const number = month.kinds[kind] || 0;
      const share = month.total ? number / month.total : 0;
      const part = document.createElement("span");
      part.className = `kind-${kind}`;
      part.style.flex = `${number} 1 0`;
      if (number) bar.append(part);
      list.append(node("li", {}, [
        node("p", { className: "name" }, [node("span", { className: `key-dot kind-${kind}` }), name]),
        node("p", { className: "amount" }, [count(number), node("span", { className: "share" }, [percent(share)])]),
      ]));
    }
    at("mix").replaceChildren(bar, list);
    setText("mix-note", `${count(month.total)} interactions of every kind, by anybody, in ${monthOf(month.period)}. Views are not active ones.`);
  }

  function renderStages() {
    const when = (limit) => {
      if (limit.expected === "reached") return "Beyond it";
      if (limit.expected === "never") return "Not growing towards it";
      if (limit.expected === "no_data") return "Too early to say";
      const months = limit.months_until;
      if (months < 1) return "Reached within a month";
      if (months > 120) return "More than ten years away";
      const [year, month] = standing.last_complete_month.split("-").map(Number);
      const date = new Date(Date.UTC(year, month - 1 + Math.ceil(months), 1));
      return `Reached in about ${Math.round(months)} months, ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
    };
    const meter = (name, used, limit) => {
      const share = Math.min(1, limit.share);
      const filled = node("div", { className: "fill" });
      filled.style.width = `${share * 100}%`;
      const track = node("div", { className: "track", role: "meter", ariaLabel: name, ariaValueMin: "0", ariaValueMax: String(limit.limit), ariaValueNow: String(Math.min(used, limit.limit)), ariaValueText: `${count(used)} of ${count(limit.limit)}` }, [filled]);
      return node("div", { className: limit.share >= 1 ? "meter over" : "meter" }, [
        node("p", { className: "row" }, [node("span", {}, [name]), node("span", {}, [`${count(used)} of ${short(limit.limit)}`])]),
        track,
        node("p", { className: "when" }, [when(limit)]),
      ]);
    };
    at("stages").replaceChildren(...standing.stages.map((stage) => {
      const here = stage.number === standing.planned_stage;
      const label = here ? node("span", { className: "here" }, [`Now: month ${standing.month_number}`]) : node("span", {}, [`Months ${stage.months[0]} to ${stage.months[1]}`]);
      return node("section", { className: "stage" }, [
        node("h3", {}, [`${stage.number}. ${stage.name}`, label]),
        meter("Users", standing.users, stage.users),
        meter("Interactions", standing.interactions, stage.interactions),
      ]);
    }));
    const needed = standing.needed_stage;
    const carries = needed === null ? "It is beyond what the last stage carries." : `Stage ${needed} carries it.`;
    setText("stages-note", standing.month_number ? `Measured by ${monthAndYear(standing.last_complete_month)}. ${carries}` : "The first month is not over.");
  }

  function renderTable(all) {
    const heads = ["Month", "Active", "Target", "All", "Users", "Capsules", "Sessions"];
    const head = node("thead", {}, [node("tr", {}, heads.map((text, index) => node("th", { scope: "col", className: index ? "amount" : "" }, [text])))]);
    const body = node("tbody", {}, [...all].reverse().map((month) => {
      const amounts = [month.active, month.target ?? null, month.total, month.active_users, month.active_capsules, month.active_sessions];
      const name = `${monthAndYear(month.period)}${month.partial ? " (so far)" : ""}`;
      return node("tr", {}, [node("th", { scope: "row" }, [name]), ...amounts.map((amount) => node("td", { className: "amount" }, [amount === null ? "–" : count(amount)]))]);
    }));
    at("chart-table").replaceChildren(node("caption", { className: "skip" }, ["Active capsule interactions by month"]), head, body);
  }

  // Drawing

  function node(name, properties = {}, children = []) {
    const element = document.createElement(name);
    Object.assign(element, properties);
    element.append(...children);
    return element;
  }

  function drawn(name, attributes = {}, children = []) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    element.append(...children);
    return element;
  }

  function spark(values) {
    const [width, height] = [120, 30];
    const most = Math.max(1, ...values);
    const x = (index) => (values.length > 1 ? (index / (values.length - 1)) * width : width);
    const y = (value) => height - 2 - (value / most) * (height - 4);
    const path = values.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    return drawn("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", height: "36", "aria-hidden": "true" }, [drawn("path", { d: path })]);
  }

  function renderDays(now, last) {
    if (!days) return;
    const mine = days.filter((day) => day.period.startsWith(now.period));
    const before = last ? days.filter((day) => day.period.startsWith(last.period)) : [];
    const [year, month] = now.period.split("-").map(Number);
    const length = new Date(Date.UTC(year, month, 0)).getUTCDate();
    const most = Math.max(1, ...mine.map((day) => day.active), ...before.map((day) => day.active));
    const [width, height, step] = [540, 64, 540 / length];
    const tall = (value) => (value ? Math.max(1.5, (value / most) * height) : 0);
    const bars = [];
    for (let index = 0; index < length; index += 1) {
      const [then, today] = [before[index], mine[index]];
      if (then && then.active) bars.push(drawn("rect", { class: "before", x: index * step + 0.5, y: height - tall(then.active), width: step - 1.5, height: tall(then.active), rx: 1.5 }));
      if (today && today.active) bars.push(drawn("rect", { class: index === mine.length - 1 ? "day today" : "day", x: index * step + step * 0.26, y: height - tall(today.active), width: step * 0.42, height: tall(today.active), rx: 1.5 }));
    }
    const label = (index, text, anchor) => drawn("text", { x: index * step + step / 2 - 0.5, y: height + 17, "text-anchor": anchor }, [text]);
    bars.push(label(0, "1", "middle"), label(mine.length - 1, mine.length > 2 ? "today" : "", "middle"), label(length - 1, length - mine.length > 2 ? String(length) : "", "middle"));
    at("days").replaceChildren(drawn("svg", { viewBox: `0 0 ${width} ${height + 22}`, "aria-hidden": "true" }, bars));
    const best = mine.reduce((most_, day) => (day.active > most_.active ? day : most_), mine[0]);
    at("days").setAttribute("aria-label", `${monthOf(now.period)} by day, with ${last ? monthOf(last.period) : "nothing"} behind it; the most was ${best ? `${count(best.active)} on the ${Number(best.period.slice(8))}` : "none"}.`);
  }

  function ticks(most) {
    const rough = most / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough));
    return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
  }

  function renderChart(all) {
    const box = at("chart");
    const width = Math.max(300, box.clientWidth || 900);
    const [height, left, right, top, bottom] = [width < 560 ? 260 : 340, 50, 4, 46, 30];
    const mostActive = Math.max(1, ...all.map((month) => month.active));
    // A target far above everything would press the bars flat: it then leaves the picture at the top, and says so.
    const near = all.map((month) => month.target || 0).filter((target) => target <= mostActive * 2.2);
    const scale = ticks(Math.max(4, mostActive, ...near) * 1.02);
    const most = scale[scale.length - 1];
    const step = (width - left - right) / Math.max(all.length, 6);
    const x = (index) => left + index * step;
    const y = (value) => top + (1 - Math.min(value, most) / most) * (height - top - bottom);

    const parts = [];
    stretches(all).forEach((stretch, index) => {
      const [from, to] = [x(stretch.first), x(stretch.last + 1)];
      if (index % 2 === 0) parts.push(drawn("rect", { class: "stage-band", x: from, y: 0, width: to - from, height: height - bottom, rx: 6 }));
      if (to - from > 70) parts.push(drawn("text", { class: "stage-name", x: from + 10, y: 18 }, [to - from > 190 && stretch.name ? `Stage ${stretch.number} · ${stretch.name}` : stretch.number ? `Stage ${stretch.number}` : ""]));
    });
    for (const value of scale) {
      parts.push(drawn("line", { class: value ? "grid" : "base", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
      parts.push(drawn("text", { x: left - 10, y: y(value) + 4, "text-anchor": "end" }, [short(value)]));
    }
    all.forEach((month, index) => parts.push(bar(all, month, index, { x, y, step, height, bottom, top })));
    parts.push(...targets(all, { x, y, most, top }));

    const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, height: String(height), role: "img", tabindex: "0", "aria-label": summary(all) }, parts);
    const hadFocus = box.contains(document.activeElement);
    box.replaceChildren(picture);
    if (hadFocus) picture.focus();
    const near_ = (event) => Math.max(0, Math.min(all.length - 1, Math.floor(((event.clientX - picture.getBoundingClientRect().left) - left) / step)));
    picture.addEventListener("pointermove", (event) => pick(near_(event)));
    picture.addEventListener("pointerleave", () => pick(null));
    picture.addEventListener("blur", () => pick(null));
    picture.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") pick(null);
      if (!move) return;
      event.preventDefault();
      pick(picked === null ? all.length - 1 : Math.max(0, Math.min(all.length - 1, picked + move)));
    });
    if (picked !== null) pick(picked);
  }

  // Runs of months with one target are a stage each.
  function stretches(all) {
    const found = [];
    all.forEach((month, index) => {
      const open = found[found.length - 1];
      if (open && open.target === month.target) {
        open.last = index;
        return;
      }
      const stage = standing && standing.stages.find((one) => one.interactions.limit === month.target);
      found.push({ target: month.target, first: index, last: index, number: stage && stage.number, name: stage && stage.name });
    });
    return found;
  }

  function bar(all, month, index, { x, y, step, height, bottom, top }) {
    const wide = Math.min(44, step * 0.62);
    const from = x(index) + (step - wide) / 2;
    const tall = Math.max(month.active ? 1.5 : 0, height - bottom - y(month.active));
    const parts = [
      drawn("rect", { class: "reach", x: x(index), y: top - 12, width: step, height: height - bottom - top + 12, rx: 4 }),
      drawn("rect", { class: month.partial ? "bar partial" : "bar", x: from, y: height - bottom - tall, width: wide, height: tall, rx: Math.min(3, tall / 2) }),
    ];
    const isJanuary = month.period.endsWith("-01");
    // Where months are narrow, some go without a name, and those beside a year always do.
    const every = Math.ceil(34 / step);
    const besideYear = all.some((other, place) => other.period.endsWith("-01") && place !== index && Math.abs(place - index) < every);
    if (isJanuary || ((all.length - 1 - index) % every === 0 && !besideYear)) {
      const name = isJanuary ? month.period.slice(0, 4) : monthOf(month.period).slice(0, 3);
      parts.push(drawn("text", { x: x(index) + step / 2, y: height - 9, "text-anchor": "middle", class: isJanuary ? "value" : "" }, [name]));
    }
    const valued = step < 46 ? all.length - 2 : all.length - 1;
    if (index <= valued && index >= all.length - 2 && month.active) {
      parts.push(drawn("text", { class: "value", x: x(index) + step / 2, y: height - bottom - tall - 7, "text-anchor": "middle" }, [short(month.active)]));
    }
    return drawn("g", { class: "month", "data-index": index }, parts);
  }

  // The target of each stage as a line; above the picture, as a word.
  function targets(all, { x, y, most, top }) {
    const parts = [];
    let path = "";
    let wasInside = false;
    for (const stretch of stretches(all)) {
      if (!stretch.target) continue;
      if (stretch.target > most) {
        const isRoomy = x(stretch.last + 1) - x(stretch.first) > 110;
        if (isRoomy) parts.push(drawn("text", { x: x(stretch.first) + 10, y: top - 11 }, [`target ${short(stretch.target)} ↑`]));
        wasInside = false;
        continue;
      }
      const level = y(stretch.target);
      path += `${wasInside ? "L" : "M"}${x(stretch.first)} ${level}L${x(stretch.last + 1)} ${level}`;
      wasInside = true;
    }
    if (path) parts.push(drawn("path", { class: "target", d: path }));
    return parts;
  }

  function summary(all) {
    const [first, now] = [all[0], all[all.length - 1]];
    return `Active capsule interactions by month, from ${count(first.active)} in ${monthAndYear(first.period)} to ${count(now.active)} in ${monthAndYear(now.period)}${now.partial ? " so far" : ""}. The table below has every month.`;
  }

  function pick(index) {
    picked = index;
    const box = at("chart");
    box.querySelectorAll(".month.picked").forEach((month) => month.classList.remove("picked"));
    box.querySelector(".tip")?.remove();
    const month = index === null ? null : figures.data[index];
    if (!month) return;
    const group = box.querySelector(`[data-index="${index}"]`);
    group.classList.add("picked");
    const rows = [["Active", month.active], ["Target", month.target], ["All interactions", month.total], ["Active users", month.active_users], ["Active capsules", month.active_capsules], ["Active sessions", month.active_sessions]];
    const list = node("dl", {}, rows.filter(([, value]) => value !== undefined).flatMap(([name, value]) => [node("dt", {}, [name]), node("dd", {}, [count(value)])]));
    const tip = node("div", { className: "tip" }, [node("h3", {}, [`${monthAndYear(month.period)}${month.partial ? ", so far" : ""}`]), list]);
    tip.setAttribute("role", "status");
    box.append(tip);
    const bounds = group.getBoundingClientRect();
    const middle = bounds.left + bounds.width / 2 - box.getBoundingClientRect().left;
    const room = box.clientWidth - tip.offsetWidth;
    const beside = middle > box.clientWidth / 2 ? middle - tip.offsetWidth - bounds.width / 2 - 8 : middle + bounds.width / 2 + 8;
    tip.style.left = `${Math.max(0, Math.min(room, beside))}px`;
    tip.style.top = "2.25rem";
  }

  function example() {
    const api = location.origin;
    const header = "-H 'Authorization: Bearer KEY' -H 'Content-Type: application/json'";
    return [
      `curl ${api}/v1/capsules/welcome/create ${header} \\\n  -d '{"title": "Welcome tour"}'`,
      `curl ${api}/v1/capsules/welcome/publish ${header} -d '{}'`,
      `curl ${api}/v1/interactions ${header} \\\n  -d '{"id": "i-1", "capsule_id": "welcome", "user_id": "ada", "kind": "interaction"}'`,
    ].join("\n\n");
  }

  // From here on it runs.

  at("problem-retry").addEventListener("click", () => location.reload());
  let width = 0;
  new ResizeObserver(() => {
    const now = at("chart").clientWidth;
    if (now === width || !figures || !figures.data.length) return;
    width = now;
    renderChart(figures.data);
  }).observe(at("chart"));

  show("none");
  follow();
})();
