// The contract of the moderation service: its messages, enums and calls.
export * from "../gen/crewup/moderation/v1/ban_pb.js";
export * from "../gen/crewup/moderation/v1/report_pb.js";
export * from "../gen/crewup/moderation/v1/moderation_service_pb.js";
