// What jsdom lacks, and matchers for the stories.
import "@testing-library/jest-dom/vitest";
