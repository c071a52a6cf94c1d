/** The published plan, as the service told it last. */

import { state } from "./state.js";

const NOTHING = { revision: 0, plan: null, locks: [] };

export const currentPublication = () => state.published ?? NOTHING;
