/**
 * Events of the service: a new floor, plan or scenario is read as soon as it is there.
 * A hidden page gives its stream back, as browsers open few connections to one service.
 */

import { POLL_SECONDS } from "./state.js";
import { openStream } from "./service.js";

const handlers = new Map();
let isConnected = false;

export const onEvent = (event, handler) => handlers.set(event, handler);

/** Whether events come in, so that nothing need be asked for. */
export const isTold = () => isConnected;

/** Listen for as long as the page is open; after each gap everything is read anew. */
export async function listen() {
  for (;;) {
    await becomeVisible();
    try {
      await readEvents(await openStream("/v1/events"));
    } catch {
      // the poll tells that the service is away
    }
    isConnected = false;
    await new Promise((resolve) => setTimeout(resolve, 1000 * POLL_SECONDS));
  }
}

/** Wait until somebody looks at the page. */
const becomeVisible = () =>
  new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    look();
  });

async function readEvents(reader) {
  const hide = () => document.hidden && reader.cancel();
  document.addEventListener("visibilitychange", hide);
  try {
    await readAll(reader);
  } finally {
    document.removeEventListener("visibilitychange", hide);
  }
}

async function readAll(reader) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (!isConnected) for (const handler of handlers.values()) handler();
    isConnected = true;
    text += decoder.decode(value, { stream: true });
    const messages = text.split("\n\n");
    text = messages.pop();
    for (const message of messages) handlers.get(/^event: (.*)$/m.exec(message)?.[1])?.();
  }
}
