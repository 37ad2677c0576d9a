// What the test's page offers to run.mjs: messages cross as their JSON form, which is what a test can write and compare.
import { type DescMessage, fromJson, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";

import { type CrewUp, type LiveState, type Options, createCrewUp, event, group, liveChat, moderation, refusal, safety, user } from "../../src/index.js";

const services = {
  event: event.EventService,
  group: group.GroupService,
  user: user.UserService,
  safety: safety.SafetyService,
  moderation: moderation.ModerationService,
};
let crewup: CrewUp;

/** A live chat of this page: what came, and where it is. */
interface Listener {
  readonly sequences: string[];
  readonly messages: string[];
  readonly states: LiveState[];
  readonly ended: Promise<void>;
}
let listeners: Listener[] = [];
let silence = new AbortController();

function listener(groupId: string): Promise<Listener> {
  return new Promise((isLive) => {
    const sequences: string[] = [];
    const messages: string[] = [];
    const states: LiveState[] = [];
    const follow = async () => {
      const onState = (state: LiveState) => {
        states.push(state);
        if (state === "live") isLive(self);
      };
      for await (const change of liveChat(crewup, { groupId, signal: silence.signal, onState })) {
        if (change.kind !== "entry") continue;
        sequences.push(String(change.entry.sequence));
        if (change.entry.content.case === "message") messages.push(change.entry.content.value.content);
      }
    };
    // One that fails is live never: it says so here instead.
    const ended = follow().catch((error: unknown) => console.error(refusal(error).reason, error)).finally(() => isLive(self));
    const self = { sequences, messages, states, ended };
  });
}

const heard = () => listeners.map(({ sequences, messages, states }) => ({ sequences, messages, states }));

Object.assign(globalThis, {
  connect(options: Options) {
    crewup = createCrewUp(options);
  },
  async call(service: keyof CrewUp, name: string, request: JsonValue) {
    const method = (services[service].method as unknown as Record<string, { input: DescMessage; output: DescMessage }>)[name];
    const send = (crewup[service] as unknown as Record<string, (message: unknown) => Promise<MessageShape<DescMessage>>>)[name];
    if (!method || !send) throw new Error(`${service} has no ${name}`);
    try {
      return { answer: toJson(method.output, await send(fromJson(method.input, request))) };
    } catch (error) {
      return { error: refusal(error) };
    }
  },
  /** Opens so many live chats of a crew at once, each from what is new on; resolves when all are live, or over. */
  async listen(groupId: string, count: number) {
    silence = new AbortController();
    listeners = await Promise.all(Array.from({ length: count }, () => listener(groupId)));
    return heard();
  },
  /** What each of them has heard so far. */
  heard,
  /** Aborts them all; resolves when their loops are over. */
  async hush() {
    silence.abort();
    await Promise.all(listeners.map(({ ended }) => ended));
    return heard();
  },
});
