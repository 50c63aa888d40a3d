/**
 * The options of mosquitto.conf that this version of Nightjar does not have. Ignoring some is harmless and gets a
 * warning; where it would change who may do what, or what is safe, it is an error, so that nobody believes himself
 * protected by a line that does nothing.
 */
export interface NotYet {
  readonly severity: 'warning' | 'error'
  /** The consequence of ignoring it, as the end of a sentence. */
  readonly why: string
  /** Nightjar will not have it: the option has no meaning here. */
  readonly never?: true
  /** It belongs to the bridge above it, which is reported once. */
  readonly bridge?: true
  /** Values that change nothing, and are accepted. */
  readonly harmless?: readonly string[]
}

interface Group extends NotYet {
  /** A name that ends in `*` is a prefix. */
  readonly names: readonly string[]
}

const WHO = 'ignoring it would admit clients, or allow actions, that it is meant to keep out'
const TLS =
  'ignoring it would leave connections unencrypted or unchecked; until then, put a TLS proxy such as stunnel in front'
const DISK = 'the store writes at once, so there is nothing to save later'

const GROUPS: readonly Group[] = [
  {
    severity: 'error',
    why: WHO,
    names: [
      'acl_file',
      'auth_opt_*',
      'auth_plugin',
      'clientid_prefixes',
      'global_plugin',
      'password_file',
      'plugin',
      'plugin_load',
      'plugin_opt_*',
      'plugin_use',
      'psk_file',
    ],
  },
  {
    severity: 'error',
    why: TLS,
    names: [
      'cafile',
      'capath',
      'certfile',
      'ciphers',
      'ciphers_tls1.3',
      'crlfile',
      'dhparamfile',
      'keyfile',
      'psk_hint',
      'tls_engine',
      'tls_engine_kpass_sha1',
      'tls_keyform',
      'tls_version',
    ],
  },
  {
    severity: 'error',
    why: TLS,
    harmless: ['false', '0'],
    names: [
      'disable_client_cert_date_checks',
      'proxy_protocol_v2_require_tls',
      'require_certificate',
      'use_identity_as_username',
      'use_subject_as_username',
    ],
  },
  {
    severity: 'error',
    why: 'ignoring it would open the listener to others than it says',
    names: ['bind_interface', 'enable_proxy_protocol', 'websockets_origin'],
  },
  {
    severity: 'error',
    why: 'ignoring it would let clients of this listener see the topics of all others',
    names: ['mount_point'],
  },
  {
    severity: 'error',
    why: 'ignoring it would let a client take the identifier of another',
    harmless: ['false', '0'],
    names: ['use_username_as_clientid'],
  },
  {
    severity: 'error',
    why: 'listeners speak MQTT over TCP only',
    harmless: ['mqtt'],
    names: ['protocol'],
  },
  {
    severity: 'error',
    why: 'there would be no bridge',
    names: ['connection'],
  },
  {
    severity: 'error',
    why: 'there would be no bridge',
    bridge: true,
    names: [
      'address',
      'addresses',
      'bridge_*',
      'cleansession',
      'clientid',
      'idle_timeout',
      'keepalive_interval',
      'local_cleansession',
      'local_clientid',
      'local_password',
      'local_username',
      'notification_topic',
      'notifications',
      'notifications_local_only',
      'password',
      'remote_clientid',
      'remote_password',
      'remote_username',
      'restart_timeout',
      'round_robin',
      'start_type',
      'threshold',
      'topic',
      'try_private',
      'username',
    ],
  },
  {
    severity: 'warning',
    why: '`persistence` stores retained messages as it does everything else',
    harmless: ['true', '1'],
    names: ['retained_persistence'],
  },
  {
    severity: 'warning',
    why: DISK,
    names: ['autosave_interval', 'autosave_on_changes', 'persistence_file'],
  },
  { severity: 'warning', why: 'memory is not limited', names: ['memory_limit'] },
  { severity: 'warning', why: 'nightjar keeps running as the user who started it', names: ['user'] },
  { severity: 'warning', why: 'there are no control topics', harmless: ['false', '0'], names: ['enable_control_api'] },
  { severity: 'warning', why: 'it cannot log to syslog', names: ['log_facility'] },
  { severity: 'warning', why: 'it serves no files', names: ['http_dir'] },
  {
    severity: 'warning',
    why: 'without access rules it has no effect',
    names: ['auth_plugin_deny_special_chars', 'check_retain_source'],
  },
  {
    severity: 'warning',
    why: 'without a WebSocket listener it has no effect',
    names: ['packet_buffer_size', 'websockets_headers_size', 'websockets_log_level'],
  },
  {
    severity: 'warning',
    never: true,
    why: 'a client whose subscriptions overlap gets one copy of a message, with the highest QoS',
    harmless: ['false', '0'],
    names: ['allow_duplicate_messages'],
  },
  {
    severity: 'warning',
    never: true,
    why: 'messages are resent only when a client reconnects, as the standard demands',
    names: ['retry_interval'],
  },
]

const exact = new Map<string, NotYet>()
const prefixes: [prefix: string, option: NotYet][] = []
for (const { names, ...option } of GROUPS) {
  for (const name of names) {
    if (name.endsWith('*')) prefixes.push([name.slice(0, -1), option])
    else exact.set(name, option)
  }
}

/** The names of all missing options, for suggestions and documents; one that ends in `*` is a prefix. */
export const notYetNames: readonly string[] = GROUPS.flatMap((group) => group.names).sort()

export function notYet(name: string): NotYet | undefined {
  return exact.get(name) ?? prefixes.find(([prefix]) => name.startsWith(prefix))?.[1]
}
