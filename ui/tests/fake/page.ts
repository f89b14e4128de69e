// What a browser test's page gets: the fake and its people.
export * from "./people";
export * from "./presets";
export * from "./understudy";
