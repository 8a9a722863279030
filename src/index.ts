/// <reference types="node" preserve="true" />

export { SpinnerError } from './errors.ts'
export { createSpinner } from './spinner.ts'
export type {
  Address,
  CheckInfo,
  Child,
  ChildInfo,
  ChildState,
  Exit,
  Figures,
  Lease,
  OutputStream,
  Target,
} from './types/child.ts'
export type { SpinnerErrorCode, SpinnerErrorDetails } from './types/errors.ts'
export type { ChildEvents, SpinnerEvents } from './types/events.ts'
export type {
  ChildOptions,
  ChildSettings,
  Duration,
  Logger,
  MonitorOptions,
  MonitorSettings,
  Ready,
  SpinnerOptions,
  StartOptions,
  WaitOptions,
  WatchOptions,
} from './types/options.ts'
export type { Allocator, Check, CheckResult, Plugin } from './types/plugin.ts'
export type { Callback, Spinner } from './types/spinner.ts'
