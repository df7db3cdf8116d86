import type { Comparator } from "./comparator.ts";

export const image: Comparator = ({ wanted: { declared }, container }) =>
  declared?.image === undefined || declared.image === container.image
    ? undefined
    : { field: "image", current: container.image, desired: declared.image };
