// The contract of the user service: its messages, enums and calls.
export * from "../gen/crewup/user/v1/user_pb.js";
export * from "../gen/crewup/user/v1/user_service_pb.js";
