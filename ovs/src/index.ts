export { type Address, type Pem, parseAddress, showAddress, type Tls, type TlsOptions } from "./address.ts";
export {
  Client,
  type ClientDurations,
  type ClientOptions,
  createClient,
  type LockOptions,
  type MonitorOptions,
  type RequestOptions,
} from "./client.ts";
export {
  boolean,
  type Column,
  integer,
  isUuid,
  type KeyedMapColumn,
  type Length,
  type MapColumn,
  map,
  type NamedUuid,
  type OptionalColumn,
  oneOf,
  optional,
  type Range,
  real,
  type ScalarColumn,
  type SetColumn,
  type Size,
  set,
  string,
  type Uuid,
  uuid,
  type ValueOf,
} from "./column.ts";
export type { Condition, Ordered, Where } from "./condition.ts";
export {
  OvsdbError,
  type OvsdbErrorDetails,
  type OvsdbErrorKind,
  openVswitchErrors,
  rfcErrors,
  type ServerError,
} from "./errors.ts";
export { type FrameLimits, FrameReader } from "./frame.ts";
export type { Json } from "./json.ts";
export type { ClientState } from "./link.ts";
export type { Lock } from "./lock.ts";
export type { MonitorMethod } from "./monitor.ts";
export type {
  AnyMap,
  Arithmetic,
  ColumnsOfShape,
  CountRef,
  Expectation,
  MapKey,
  MapMerge,
  MapName,
  Mutator,
  NumberName,
  Operand,
  OperationNote,
  Selector,
  SelectRef,
  SetMember,
  SetName,
} from "./operation.ts";
export { Replica, type ReplicaRow, type ReplicaTable, type RowChange } from "./replica.ts";
export type { TransactResult } from "./result.ts";
export {
  type ColumnName,
  type Columns,
  type Database,
  type DatabaseOptions,
  defineDatabase,
  type Everything,
  type Row,
  type Selection,
  type TableName,
  type Tables,
  type Values,
} from "./schema.ts";
export {
  type AtomicType,
  type BaseType,
  type ColumnSchema,
  type ColumnType,
  type DatabaseSchema,
  readSchema,
  type TableSchema,
} from "./schema-json.ts";
export { Transaction } from "./transaction.ts";
