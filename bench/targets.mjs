// Targets of spinner. The page shows `reason` only for a target that is not reached.
// `most` or `least` is in `unit`; 'x' is a ratio to the limit, measured in the same rounds.

export const TARGETS = {
  'start node unix': {
    subject: 'start',
    what: 'start to ready, Node child, unix socket',
    most: 1.05,
    unit: 'x',
    reason: 'spinner looks up the owner of the socket, which takes a tenth of the startup time of Node',
  },
  'start node tcp': {
    subject: 'start',
    what: 'start to ready, Node child, port',
    most: 1.1,
    unit: 'x',
    reason: 'the system does not report when a process listens on a port, so spinner polls',
  },
  'start C unix': {
    subject: 'start',
    what: 'start to ready, C child, unix socket',
    most: 1.4,
    unit: 'x',
    reason: 'the child itself takes only two milliseconds; the lookup of the socket owner adds to them',
  },
  'crash node unix': {
    subject: 'start',
    what: 'crash to ready, Node child, unix socket',
    most: 1.05,
    unit: 'x',
    reason: 'before spinner spawns again, it verifies that all processes of the dead child are gone',
  },
  'crash node tcp': {
    subject: 'start',
    what: 'crash to ready, Node child, port',
    most: 1.1,
    unit: 'x',
    reason: 'the system does not report when a process listens on a port, so spinner polls',
  },
  'crash C unix': {
    subject: 'start',
    what: 'crash to ready, C child, unix socket',
    most: 1.4,
    unit: 'x',
    reason: 'before spinner spawns again, it verifies that all processes of the dead child are gone',
  },
  touch: { subject: 'touch', what: '`child.touch()`', most: 5, unit: 'ns' },
  'start by name': {
    subject: 'touch',
    what: '`start(name)` of a started child, not awaited',
    most: 30,
    unit: 'ns',
  },
  'start by name, awaited': {
    subject: 'touch',
    what: '`start(name)` of a started child, awaited',
    most: 130,
    unit: 'ns',
    reason:
      '`start()` returns the child, and awaiting a thenable takes two more microtasks than awaiting a promise',
  },
  'many start': {
    subject: 'many',
    what: 'start of 500 C children',
    most: 1.1,
    unit: 'x',
    reason:
      'a spawn copies the page tables of the host, and the data of each child makes the host larger; each spawn has its own turn of the event loop',
  },
  'many stop': {
    subject: 'many',
    what: 'stop of 500 C children',
    most: 1.2,
    unit: 'x',
    reason:
      'the bare loop only signals and waits; spinner also searches all processes for ones that left their group',
  },
  'many memory': {
    subject: 'many',
    what: 'memory of the host per child, with 500 children',
    most: 1.2,
    unit: 'x',
    reason:
      "each child has a state machine, events and an address; and V8's young generation grows once, because of the work",
  },
  sampling: {
    subject: 'sampling',
    what: 'memory of 1,000 children: longest block of the event loop',
    most: 5,
    unit: 'ms',
  },
  'gateway nginx': {
    subject: 'gateway',
    what: 'gateway: requests per second, relative to nginx',
    least: 0.45,
    unit: 'x',
    reason: "undici and Node's own server without any rules are only a little faster: see the row of undici",
  },
  'gateway httpxy': {
    subject: 'gateway',
    what: 'gateway: requests per second, relative to httpxy',
    least: 1.4,
    unit: 'x',
    reason: 'the ratio varies between x1.2 and x2.2 on this machine; compare the CPU time per request',
  },
  'gateway http-proxy-3': {
    subject: 'gateway',
    what: 'gateway: requests per second, relative to http-proxy-3',
    least: 1.4,
    unit: 'x',
  },
  'gateway cold': {
    subject: 'gateway',
    what: 'gateway: first byte from a sleeping app, minus the start of the app',
    most: 10,
    unit: 'ms',
  },
  'gateway route': {
    subject: 'gateway',
    what: 'gateway: memory per route that was never requested',
    most: 1,
    unit: 'KB',
  },
  'nginx reloads': {
    subject: 'nginx',
    what: 'nginx: most reloads for a burst of up to 100 children',
    most: 1,
    unit: 'reloads',
  },
  'nginx restart': {
    subject: 'nginx',
    what: 'nginx: reloads for a restart of a child on a socket',
    most: 0,
    unit: 'reloads',
  },
  'scale list': {
    subject: 'scale',
    what: '`list()` with 10,000 registered children, 1,000 of them running',
    most: 5,
    unit: 'ms',
    reason:
      'each call creates or visits eleven thousand frozen objects; a garbage collection during the call is visible',
  },
  'scale memory': { subject: 'scale', what: 'memory per sleeping child, of 10,000', most: 1, unit: 'KB' },
  'scale growth': {
    subject: 'scale',
    what: 'steepest growth of any cost, as the exponent of the number of children: 1 is linear',
    most: 1.1,
    unit: '',
    reason:
      'data that no longer fits into the CPU caches takes longer to access, and garbage collection takes longer too',
  },
}
