export * from "./bar";
export * from "./colleagues";
export * from "./people";
export * from "./presets";
export * from "./understudy";
