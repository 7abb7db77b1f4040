@echo off
rem Installs the runtime that the editor needs.
