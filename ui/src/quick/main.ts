// The quick window's page.
import { mount } from "svelte";
import "../styles/base.css";
import QuickWindow from "./QuickWindow.svelte";

const target = document.getElementById("quick");
if (target) mount(QuickWindow, { target });
