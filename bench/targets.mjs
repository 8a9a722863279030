// What spinner aims at. `reason` is shown where a target is not reached, and nowhere else.
// `most` or `least` is in `unit`; 'x' is a ratio to the limit, taken in the same rounds.

export const TARGETS = {
  'start node unix': {
    subject: 'start',
    what: 'start to ready, Node child, unix socket',
    most: 1.05,
    unit: 'x',
    reason: 'whose socket it is is looked up, in a tenth of the time that Node takes to boot',
  },
  'start node tcp': {
    subject: 'start',
    what: 'start to ready, Node child, port',
    most: 1.1,
    unit: 'x',
    reason: 'a port tells nobody that it is listened on: it is asked again and again',
  },
  'start C unix': {
    subject: 'start',
    what: 'start to ready, C child, unix socket',
    most: 1.4,
    unit: 'x',
    reason: 'the child itself takes two milliseconds; whose socket it is is looked up in that time',
  },
  'crash node unix': {
    subject: 'start',
    what: 'crash to ready, Node child, unix socket',
    most: 1.05,
    unit: 'x',
    reason: 'nothing is spawned before all that the dead process left is known to be gone',
  },
  'crash node tcp': {
    subject: 'start',
    what: 'crash to ready, Node child, port',
    most: 1.1,
    unit: 'x',
    reason: 'a port tells nobody that it is listened on: it is asked again and again',
  },
  'crash C unix': {
    subject: 'start',
    what: 'crash to ready, C child, unix socket',
    most: 1.4,
    unit: 'x',
    reason: 'nothing is spawned before all that the dead process left is known to be gone',
  },
  touch: { subject: 'touch', what: '`child.touch()`', most: 5, unit: 'ns' },
  'start by name': {
    subject: 'touch',
    what: '`start(name)` of a started child, until it has returned',
    most: 30,
    unit: 'ns',
  },
  'start by name, awaited': {
    subject: 'touch',
    what: '`start(name)` of a started child, awaited',
    most: 130,
    unit: 'ns',
    reason: 'what is returned is the child, and to await anything but a promise costs two turns more',
  },
  'many start': {
    subject: 'many',
    what: 'start of 500 C children',
    most: 1.1,
    unit: 'x',
    reason:
      'a spawn copies the page tables of the host, and what is kept for each child makes the host larger; each spawn has a turn of its own',
  },
  'many stop': {
    subject: 'many',
    what: 'stop of 500 C children',
    most: 1.2,
    unit: 'x',
    reason:
      'the bare loop sends a signal and waits; here all processes are looked at for what has left its group',
  },
  'many memory': {
    subject: 'many',
    what: 'memory of the host for each of 500 children',
    most: 1.2,
    unit: 'x',
    reason:
      "a child has a machine, events and an address; and V8's young generation grows once, with the work",
  },
  sampling: {
    subject: 'sampling',
    what: 'memory of 1,000 children: longest hold of the loop',
    most: 5,
    unit: 'ms',
  },
  'gateway nginx': {
    subject: 'gateway',
    what: 'gateway: requests a second, to nginx',
    least: 0.45,
    unit: 'x',
    reason: "undici and Node's own server, with no rules at all, do little better: see its row",
  },
  'gateway httpxy': {
    subject: 'gateway',
    what: 'gateway: requests a second, to httpxy',
    least: 1.4,
    unit: 'x',
    reason: 'it is between x1.2 and x2.2 from run to run of this machine; see the CPU for each request',
  },
  'gateway http-proxy-3': {
    subject: 'gateway',
    what: 'gateway: requests a second, to http-proxy-3',
    least: 1.4,
    unit: 'x',
  },
  'gateway cold': {
    subject: 'gateway',
    what: 'gateway: first byte from an app that slept, after its start',
    most: 10,
    unit: 'ms',
  },
  'gateway route': {
    subject: 'gateway',
    what: 'gateway: memory for a route that was never asked for',
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
    what: 'nginx: reloads for a restart on a socket',
    most: 0,
    unit: 'reloads',
  },
  'scale list': {
    subject: 'scale',
    what: '`list()` with 10,000 registered children, 1,000 of them running',
    most: 5,
    unit: 'ms',
    reason: 'eleven thousand frozen objects are made or looked at; a collection of garbage in between shows',
  },
  'scale memory': { subject: 'scale', what: 'memory for each sleeping child of 10,000', most: 1, unit: 'KB' },
  'scale growth': {
    subject: 'scale',
    what: 'the steepest growth of any cost, as the exponent of the number: 1 is linear',
    most: 1.1,
    unit: '',
    reason:
      'what no longer fits into the caches of the processor takes longer, and so does what collects garbage',
  },
}
