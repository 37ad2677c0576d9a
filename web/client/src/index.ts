export { create } from "@bufbuild/protobuf";
export { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
export { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
export { type CrewUp, type Options, createCrewUp } from "./client.js";
// Each contract by its name: several have a Person and an Invitation.
export * as event from "./contracts/event.js";
export * as group from "./contracts/group.js";
export * as moderation from "./contracts/moderation.js";
export * as safety from "./contracts/safety.js";
export * as user from "./contracts/user.js";
export type { Live, LiveOptions, LiveState } from "./live.js";
export { type ChatChange, type ChatOptions, liveChat } from "./live-chat.js";
export { type StateChange, liveAlerts, liveEvents } from "./live-states.js";
export { items, pages } from "./pages.js";
export { type FieldProblem, type Reason, type Refusal, refusal } from "./refusal.js";
export type { Time } from "./time.js";
