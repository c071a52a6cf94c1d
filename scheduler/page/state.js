/** What the page shows, and numbers that it keeps to. */

export const POLL_SECONDS = 5;
export const FUTURES = 32;
export const QUEUE_LENGTH = 10; // operations shown for each machine
export const ALTERNATIVES = 5; // shown at once; the others fold away
export const WALL_PAGE_SECONDS = 15; // until the wall shows the next machines
export const MINUTES_A_DAY = 24 * 60;
export const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export const state = {
  policy: null, // answer of /v1/policy
  moment: null, // {snapshot, source, received} that the plans belong to
  plans: {}, // by "policy" and by "rule"
  previous: {}, // the plans of the moment before, to tell how much moved
  explanation: null,
  by: "policy",
  following: true,
  floor: null, // newest answer of /v1/floor that has a snapshot
  seen: null, // when the floor was received that was planned last, or could not be
  round: 0, // of planning; answers of earlier rounds are dropped
  comparing: null, // round in which policy and rule are compared
  changes: [],
  trial: null, // answer of /v1/what-if while it is shown
  version: "after", // of the trial
  selected: null, // order
  focused: null, // planned operation whose bar has the focus
  edits: [], // moments, plans and drafts before each move, with a function that says the move, to undo it
  undone: [], // those that undoing has left, to do it again
  draft: null, // locks of moves here that are not published; null: none
  moved: "", // a function that says what the last move did
  outcomes: null, // answer of /v1/outcomes
  published: null, // answer of /v1/plans/current
  scenarios: [],
  frozen: 0, // ticks from the clock in which nothing moves
  clockOffset: 0, // milliseconds from this machine's clock to the service's
  colouring: "setup",
  sorting: { column: "due_date", descending: false },
};
