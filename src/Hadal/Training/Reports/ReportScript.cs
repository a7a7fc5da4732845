namespace Hadal.Training.Reports;

/// <summary>The page's script: reads values out under the pointer and paints the heat maps. Text goes in as text, never as markup.</summary>
internal static class ReportScript
{
    public const string JavaScript = """
        "use strict";
        const number = v => {
          if (typeof v !== "number") return String(v);
          const size = Math.abs(v);
          return size === 0 || (size >= 1e-3 && size < 1e12) ? v.toLocaleString("en", { maximumSignificantDigits: 5 }) : v.toExponential(3);
        };
        const data = element => JSON.parse(element.querySelector("script[type='application/json']").textContent);
        const show = (tip, lines, left, width) => {
          tip.replaceChildren(...lines.map(([text, colour]) => {
            const line = document.createElement(colour === undefined ? "b" : "div");
            line.textContent = text;
            if (colour !== undefined) line.className = "c" + colour;
            return line;
          }));
          tip.style.display = "block";
          tip.style.left = Math.max(-40, left + 12 + tip.offsetWidth > width ? left - 12 - tip.offsetWidth : left + 12) + "px";
        };
        const nearest = (xs, x) => {
          let low = 0, high = xs.length - 1;
          while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] <= x) low = middle; else high = middle; }
          return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
        };
        for (const figure of document.querySelectorAll("figure.plot")) {
          const plot = data(figure), frame = figure.querySelector(".frame"), tip = frame.querySelector(".tip"), cursor = frame.querySelector(".cursor");
          const move = event => {
            const box = frame.getBoundingClientRect(), left = Math.min(Math.max(event.clientX - box.left, 0), box.width);
            const x = plot.low + left / box.width * (plot.high - plot.low), filled = plot.series.filter(s => s.x.length > 0);
            if (filled.length === 0) return;
            const at = filled.map(s => s.x[nearest(s.x, x)]).reduce((a, b) => Math.abs(a - x) <= Math.abs(b - x) ? a : b);
            const lines = filled.map(s => {
              const i = nearest(s.x, at), elsewhere = s.x[i] === at ? "" : " at " + number(s.x[i]);
              return [s.name + ": " + number(s.y[i]) + elsewhere, s.colour];
            });
            const place = (at - plot.low) / (plot.high - plot.low) * box.width;
            cursor.style.display = "block";
            cursor.style.left = place + "px";
            show(tip, [[plot.xLabel + " " + number(at)], ...lines], place, box.width);
          };
          frame.addEventListener("pointermove", move);
          frame.addEventListener("pointerdown", move);
          frame.addEventListener("pointerleave", () => { tip.style.display = cursor.style.display = "none"; });
        }
        const maps = [...document.querySelectorAll(".map")].map(element => {
          const map = data(element), canvas = element.querySelector("canvas"), tip = element.querySelector(".tip");
          const cells = Uint8Array.from(atob(map.cells), c => c.charCodeAt(0));
          canvas.addEventListener("pointermove", event => {
            const box = canvas.getBoundingClientRect();
            const clamp = (v, n) => Math.min(Math.max(Math.floor(v * n), 0), n - 1);
            const column = clamp((event.clientX - box.left) / box.width, map.x.length), row = clamp((event.clientY - box.top) / box.height, map.rows);
            const cell = cells[column * map.rows + row], ratio = 2 ** ((cell - 128) / 127 * 3);
            const value = cell === 0 ? "no value" : cell === 1 ? "≤ 1/8" : cell === 255 ? "≥ 8" : ratio.toPrecision(2);
            show(tip, [[map.xLabel + " " + number(map.x[column])], [map.rowLabel + " " + row + ": " + value]], event.clientX - box.left, box.width);
          });
          canvas.addEventListener("pointerleave", () => { tip.style.display = "none"; });
          return { map, canvas, cells };
        });
        const paint = () => {
          const style = getComputedStyle(document.documentElement);
          const colour = name => { const hex = style.getPropertyValue(name).trim().slice(1), long = hex.length === 3 ? [...hex].map(c => c + c).join("") : hex;
            return [0, 2, 4].map(i => parseInt(long.slice(i, i + 2), 16)); };
          const low = colour("--low"), even = colour("--even"), high = colour("--high"), none = colour("--none");
          for (const { map, canvas, cells } of maps) {
            const context = canvas.getContext("2d"), image = context.createImageData(map.x.length, map.rows);
            cells.forEach((cell, i) => {
              const at = 4 * ((i % map.rows) * map.x.length + Math.floor(i / map.rows)), way = (cell - 128) / 127, end = way < 0 ? low : high;
              for (let k = 0; k < 3; k++) image.data[at + k] = cell === 0 ? none[k] : even[k] + (end[k] - even[k]) * Math.abs(way);
              image.data[at + 3] = 255;
            });
            context.putImageData(image, 0, 0);
          }
        };
        paint();
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
        """;
}
