// Draws the trends with uPlot from what each figure holds. What they show stands in words above them
// and in a table behind them: every page works without this file.
"use strict";

const STROKES = {
  you: { width: 2.5, points: true },
  ctl: { width: 2.5 },
  atl: { width: 1.25 },
  tsb: { width: 1.25, isShaded: true },
  all_gc: { width: 1.5, dash: [2, 3] },
  all_breakaway: { width: 1.5, dash: [8, 4] },
};

// Of the places that may be named every one, other or fourth, as there is room.
function ticks(told, most) {
  let every = 1;
  while (told.ticks.length / every > most) every *= 2;
  return told.ticks.filter((_, number) => number % every === 0);
}

// A day between two unknown ones is a line to nowhere: it gets a dot.
function alone(plot, series) {
  const values = plot.data[series];
  const isKnown = (index) => typeof values[index] === "number";
  return [...values.keys()].filter((at) => isKnown(at) && !isKnown(at - 1) && !isKnown(at + 1));
}

function line(told, one, colour, isAhead) {
  const { width, dash, points, isShaded } = STROKES[one.ink];
  return {
    stroke: colour(one.ink),
    width: isAhead ? 1.5 : width,
    dash: isAhead ? [5, 4] : dash,
    fill: isShaded && !isAhead && colour("shade"),
    fillTo: 0,
    points: points ? { show: true, size: 6 } : { show: false, size: 5, filter: alone },
  };
}

function padded(values, before, length) {
  return Array.from({ length }, (_, index) => values[index - before] ?? null);
}

// The lowest readiness for hard work, behind the line.
function behind(told, style) {
  return ({ ctx, bbox, valToPos }) => {
    if (told.floor === undefined) return;
    const y = valToPos(told.floor, "y", true);
    ctx.save();
    ctx.strokeStyle = style("--chart-floor");
    ctx.setLineDash([5 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  };
}

// Today and the event: their names above, to the left of its line and of the next name.
function before(told, style, font) {
  return ({ ctx, bbox, valToPos }) => {
    const unit = devicePixelRatio;
    const fill = (name, ...box) => {
      ctx.fillStyle = style(name);
      ctx.fillRect(...box);
    };
    let free = Infinity;
    ctx.save();
    ctx.font = font.replace(/^\d+/, (size) => size * unit);
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    for (const { at, words } of told.marks?.toReversed() ?? []) {
      const x = valToPos(at, "x", true);
      const width = ctx.measureText(words).width + 8 * unit;
      const left = Math.min(x, free) - width;
      const isEvent = words === "Event";
      fill("--edge", x - unit / 2, 0, unit, bbox.top + bbox.height);
      fill(isEvent ? "--event" : "--paper", left, 0, width, 16 * unit);
      ctx.fillStyle = style(isEvent ? "--on-event" : "--ink");
      ctx.fillText(words, left + 4 * unit, 2 * unit);
      free = left - unit;
    }
    ctx.restore();
  };
}

// What the pointer or the arrow keys are at stands in the key.
function read(figure, told, index) {
  const place = figure.querySelector(".plot");
  figure.querySelector("[data-at]").textContent = told.labels[index];
  const said = told.lines.map(({ name, ink, y, ahead }) => {
    const value = y[index] ?? ahead?.[index - y.length + 1];
    const written = value === undefined ? "unknown" : minus(value);
    figure.querySelector(`[data-ink="${ink}"] b`).textContent = written;
    return `${name} ${written}`;
  });
  place.ariaValueNow = index;
  place.ariaValueText = `${told.labels[index]}: ${said.join(", ")}`;
}

function minus(value) {
  return String(value).replace("-", "−");
}

function chart(figure) {
  const told = JSON.parse(figure.dataset.chart);
  const place = figure.querySelector(".plot");
  const computed = getComputedStyle(figure);
  const style = (name) => computed.getPropertyValue(name).trim();
  const colour = (ink) => style(`--chart-${ink}`);
  const font = `12px ${computed.fontFamily}`;
  const { length } = told.labels;
  const last = Math.max(...told.lines.map((one) => one.y.findLastIndex((value) => value !== null)));
  const ahead = told.lines.filter((one) => one.ahead?.length > 1);
  const data = [
    [...Array(length).keys()],
    ...told.lines.map((one) => padded(one.y, 0, length)),
    ...ahead.map((one) => padded(one.ahead, one.y.length - 1, length)),
  ];
  const axis = { stroke: style("--ink-quiet"), font, ticks: { show: false } };
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: place.clientHeight,
      padding: [told.marks?.length ? 20 : 8, 26, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false, range: [0, Math.max(1, length - 1)] },
        y: told.high === undefined ? {} : { range: [told.low, told.high] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          grid: { show: false },
          splits: (self) => ticks(told, Math.max(2, self.width / 64)),
          values: (self, splits) => splits.map((index) => told.labels[index]),
        },
        {
          ...axis,
          size: 38,
          grid: { stroke: style("--rule"), width: 1 },
          values: (self, splits) => splits.map(minus),
        },
      ],
      series: [
        {},
        ...told.lines.map((one) => line(told, one, colour, false)),
        ...ahead.map((one) => line(told, one, colour, true)),
      ],
      hooks: {
        drawClear: [behind(told, style)],
        draw: [before(told, style, font)],
        setCursor: [(self) => read(figure, told, self.cursor.idx ?? last)],
      },
    },
    data,
    place,
  );
  read(figure, told, last);
  place.role = "slider";
  place.tabIndex = 0;
  place.ariaLabel = figure.closest("section").querySelector("h2").textContent;
  place.ariaValueMin = 0;
  place.ariaValueMax = length - 1;
  // The arrow keys go through the days; a screen reader says each.
  place.onkeydown = (event) => {
    const here = Number(place.ariaValueNow);
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    plot.setCursor({ left: plot.valToPos(Math.min(Math.max(to, 0), length - 1), "x"), top: 0 });
  };
  return plot;
}

const drawn = new WeakMap();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const { clientWidth: width, clientHeight: height } = target;
    if (width) drawn.get(target.parentElement)?.setSize({ width, height });
  }
});

function draw(isAgain) {
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    if (drawn.has(figure) && !isAgain) continue;
    drawn.get(figure)?.destroy();
    drawn.set(figure, chart(figure));
    resized.observe(figure.querySelector(".plot"));
  }
}

draw();
document.addEventListener("htmx:afterSettle", () => draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
