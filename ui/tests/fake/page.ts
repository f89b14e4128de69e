export * from "./bar";
export * from "./people";
export * from "./presets";
export * from "./understudy";
