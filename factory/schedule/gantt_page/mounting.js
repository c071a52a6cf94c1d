/** Draws each chart of the document that is not drawn yet: a notebook runs this once for each output. */

import { Chart } from "./chart.js";

for (const host of document.querySelectorAll(".gantt-chart:not([data-drawn])")) host.chart = new Chart(host);
