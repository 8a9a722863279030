// What can be measured, in the order of the page.

export const SUBJECTS = {
  start: { what: 'start to ready, and crash to ready, of a Node child and of a C child' },
  touch: { what: 'what a call on a started child costs' },
  many: { what: '10, 100, 500 and 1,000 children: start, stop, memory, idle CPU, stalls' },
  scale: { what: '10,000 registered children: what grows with their number', flags: ['--expose-gc'] },
  freeze: { what: 'how long a spawn holds the host, by the memory that the host has' },
  save: { what: 'from an atomic save to the restart' },
  sampling: { what: 'the memory of 1,000 children' },
  gateway: { what: 'requests through the gateway, next to nginx and two libraries', flags: ['--expose-gc'] },
  nginx: { what: 'from ready children to an nginx that serves by it, and its reloads' },
}
