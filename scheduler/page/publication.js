/** The published plan, as the service told it last, and the name under which this planner publishes. */

import { state } from "./state.js";

const NOTHING = { revision: 0, plan: null, locks: [] };
const AUTHOR = "author";

export const currentPublication = () => state.published ?? NOTHING;
export const knownAuthor = () => localStorage.getItem(AUTHOR) ?? "";
export const keepAuthor = (name) => localStorage.setItem(AUTHOR, name);
