@echo off
rem An example application: installs nothing.
exit /b 0
