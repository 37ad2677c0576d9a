// The contract of the event service: its messages, enums and calls.
export * from "../gen/crewup/event/v1/event_pb.js";
export * from "../gen/crewup/event/v1/event_service_pb.js";
