// The contract of the group service: its messages, enums and calls.
export * from "../gen/crewup/group/v1/group_pb.js";
export * from "../gen/crewup/group/v1/message_pb.js";
export * from "../gen/crewup/group/v1/group_service_pb.js";
