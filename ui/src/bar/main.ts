// The session bar's page.
import { mount } from "svelte";
import "../styles/base.css";
import Bar from "./Bar.svelte";

const target = document.getElementById("bar");
if (target) mount(Bar, { target });
