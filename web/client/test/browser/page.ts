// What the test's page offers to run.mjs: messages cross as their JSON form, which is what a test can write and compare.
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";

import { type CrewUp, type Options, createCrewUp, errorReason, event, group, moderation, safety, user } from "../../src/index.js";

const services = {
  event: event.EventService,
  group: group.GroupService,
  user: user.UserService,
  safety: safety.SafetyService,
  moderation: moderation.ModerationService,
};
let crewup: CrewUp;

Object.assign(globalThis, {
  connect(options: Options) {
    crewup = createCrewUp(options);
  },
  async call(service: keyof CrewUp, name: string, request: JsonValue) {
    const method = (services[service].method as Record<string, { input: never; output: never }>)[name];
    const send = (crewup[service] as unknown as Record<string, (message: unknown) => Promise<never>>)[name];
    if (!method || !send) throw new Error(`${service} has no ${name}`);
    try {
      return { answer: toJson(method.output, await send(fromJson(method.input, request))) };
    } catch (error) {
      return { error: errorReason(error) };
    }
  },
});
