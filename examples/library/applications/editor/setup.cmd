@echo off
rem Installs the editor.
