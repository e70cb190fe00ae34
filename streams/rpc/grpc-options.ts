// The settings of both ends of a gRPC connection, each with its reason.

import { type ChannelOptions, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'

// What it would print reaches callers as errors.
setLogVerbosity(logVerbosity.NONE)

export const servicePath = '/freshet.Rpc/'
/** Binary by its suffix: gRPC carries it as base64. */
export const statusKey = 'freshet-status-bin'

export const callsInFlightMaxDefault = 256
export const messageBytesMaxDefault = 64 * 1024 * 1024

/** A peer whose machine is gone, or whose process stands still, loses its connection after the two together. Both are
 *  longer than any pause of a process that is well. */
const keepaliveMs = 2_000
const keepaliveTimeoutMs = 3_000

/** A restarted peer is found again within this time. */
const reconnectBackoffMsMax = 200

/** One pull's response in flight without waiting for the other end to say that there is room. */
const flowControlBytes = 4 * 1024 * 1024

function channelOptions(messageBytesMax: number): ChannelOptions {
  return {
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc-node.flow_control_window': flowControlBytes,
    'grpc.enable_channelz': 0,
  }
}

export function serverOptions(messageBytesMax: number): ChannelOptions {
  return channelOptions(messageBytesMax)
}

export function clientOptions(messageBytesMax: number): ChannelOptions {
  return {
    ...channelOptions(messageBytesMax),
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': reconnectBackoffMsMax,
    // A name may stand for another machine after a restart.
    'grpc.dns_min_time_between_resolutions_ms': 1_000,
    // Peers are of one deployment: a proxy of the environment is not for them.
    'grpc.enable_http_proxy': 0,
    // Who calls decides what may be repeated.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  }
}
