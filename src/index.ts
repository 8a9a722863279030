/// <reference types="node" preserve="true" />
export type { Child } from './child.ts'
export type { Callback } from './deferred.ts'
export { SpinnerError, type SpinnerErrorCode, type SpinnerErrorDetails } from './errors.ts'
export type {
  Address,
  CheckInfo,
  ChildEvents,
  ChildInfo,
  ChildState,
  Exit,
  Figures,
  OutputStream,
  SpinnerEvents,
} from './events.ts'
export type { Lease } from './lease.ts'
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
} from './options.ts'
export type { Allocator, Check, CheckResult, Plugin } from './plugin.ts'
export { createSpinner, type Spinner } from './spinner.ts'
export type { Target } from './sys.ts'
