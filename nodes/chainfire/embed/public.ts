/**
 * What `photoncloud/chainfire` gives a program: see docs/embedding.md. An entry of the package, and nothing else: within the
 * project everybody imports what they need from where it is.
 */
export { ClusterBuilder, type MemberSettings } from './cluster-builder.ts';
export { EmbeddedMember, type MemberFailure, MemberStoppedError } from './embedded-member.ts';
export {
  type ClusterEvent,
  type ClusterEventHandler,
  type ClusterEventName,
  clusterEventNames,
  type ClusterEvents,
  type ClusterMember,
  type GossipNode,
  type NamedMember,
} from './member-events.ts';
export { type HandlerFailed, waitingEventsMax } from './event-dispatcher.ts';
export { type ClusterStatus, type MemberState, type MemberStatus } from './member-status.ts';
export {
  type KeyChange,
  type KeyHandler,
  type KeysResync,
  type KeySubscription,
  type KeySubscriptionOptions,
  type SubscribedKeys,
} from './key-subscription.ts';
export { type AuthorizationQuestion, type RequestAuthorizer } from '../../../adapters/auth/authorizer.ts';
export { ConfigError } from '../../../adapters/config/resolve.ts';
export { DataDirError } from '../../../adapters/data-dir/data-dir-error.ts';
export { NobodyAnswers } from '../introductions.ts';
export { StartError } from '../../process/start-error.ts';
