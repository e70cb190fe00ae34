// The gRPC driver of the remote-call port, both ends.
export { type GrpcRpcClientOptions, grpcRpcClient } from './grpc-rpc-client.ts'
export { type GrpcRpcServerOptions, grpcRpcServer } from './grpc-rpc-server.ts'
