// The contract of the safety service: its messages, enums and calls.
export * from "../gen/crewup/safety/v1/alert_pb.js";
export * from "../gen/crewup/safety/v1/safety_service_pb.js";
