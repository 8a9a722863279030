// Lists all subjects, in the order of the page.

export const SUBJECTS = {
  start: { what: 'start to ready, and crash to ready, for a Node child and a C child' },
  touch: { what: 'the cost of a call on a started child' },
  many: { what: '10, 100, 500 and 1,000 children: start, stop, memory, idle CPU, stalls' },
  scale: {
    what: '10,000 registered children: the costs that grow with their number',
    flags: ['--expose-gc'],
  },
  freeze: { what: 'how long a spawn blocks the host, by host memory' },
  save: { what: 'from an atomic save to the restart' },
  sampling: { what: 'the memory of 1,000 children' },
  gateway: {
    what: 'requests through the gateway, compared with nginx and two libraries',
    flags: ['--expose-gc'],
  },
  nginx: { what: 'from ready children until nginx uses them, and the number of reloads' },
}
